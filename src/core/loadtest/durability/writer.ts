import { statSync, writeSync } from 'node:fs';
import type { Clock, Random } from '../../context.ts';
import { retryWhileBusy } from '../../sqlite/busy-retry.ts';
import { openReadWrite } from '../../sqlite/connection.ts';
import { writeOrder } from './ledger.ts';
import type { WriterSetup } from './protocol.ts';

const busyTimeoutMs = 60_000;

/** Writes and acknowledges until the process is killed. `output` is the descriptor of the acknowledgements. */
export function writeUntilKilled(
  setup: WriterSetup,
  output: number,
  ports: { readonly clock: Clock; readonly random: Random },
): void {
  const connection = retryWhileBusy(() => openReadWrite(setup.path, setup.profile, { ...ports, busyTimeoutMs }), {
    ...ports,
    deadlineMs: busyTimeoutMs,
    path: setup.path,
  });
  // The profiles of the library have no OFF; the control run needs it.
  connection.pragma(`synchronous = ${setup.synchronous}`);
  connection.pragma(`wal_autocheckpoint = ${setup.autocheckpointPages}`);
  const limit = setup.transactions ?? Number.POSITIVE_INFINITY;
  for (let done = 0; done < limit; ) {
    const last = Math.min(limit, done + setup.groupSize);
    if (setup.acknowledgeEarly === true) acknowledge(setup, output, last);
    connection.tx(() => {
      for (let number = done + 1; number <= last; number++) writeOrder(connection, setup.writer, number);
    });
    if (setup.acknowledgeEarly !== true) acknowledge(setup, output, last);
    done = last;
  }
  // The connection stays open: closing it would checkpoint, which no crash does.
}

/** One write per commit: a line is there whole, or it does not count. */
function acknowledge(setup: WriterSetup, output: number, number: number): void {
  const size = setup.withWalSize === true ? ` ${statSync(`${setup.path}-wal`).size}` : '';
  const line = Buffer.from(`${number}${size}\n`);
  for (let at = 0; at < line.length; ) {
    try {
      at += writeSync(output, line, at);
    } catch (error) {
      // A full pipe: the parent reads on.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}
