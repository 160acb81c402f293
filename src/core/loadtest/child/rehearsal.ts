import { statSync } from 'node:fs';
import type { Clock } from '../../context.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { Scenario, SessionSettings } from '../scenario/scenario.ts';
import { keySpace, type StatementStream } from '../stream/statement-stream.ts';

/** Slow transactions are rehearsed less: a call may take a tenth of a millisecond on average. */
const longestMsPerCall = 0.1;
/** Large rows spill from the cache into the WAL: what is only rolled back must not fill a disk. */
const largestWalBytes = 32 * 1024 * 1024;
const callsPerLook = 16;

/**
 * Runs the scenario in one transaction that is rolled back, so that compiling JavaScript is not measured. Failures are
 * of no interest here: the measured phase will show them. Returns the number of calls.
 */
export function rehearse(
  connection: Connection,
  scenario: Scenario,
  stream: StatementStream,
  settings: SessionSettings,
  limits: { readonly calls: number; readonly clock: Clock },
): number {
  const { calls, clock } = limits;
  const rollBack = new Error('the rehearsal is rolled back');
  // A session of its own: what it remembers of its rows is wrong after the rollback.
  const session = scenario.open(connection, { ...settings, runId: `${settings.runId}r` });
  const untilMs = clock.now() + calls * longestMsPerCall;
  let done = 0;
  try {
    connection.tx(() => {
      for (; done < calls && clock.now() < untilMs; done++) {
        if (done % callsPerLook === 0 && walSize(connection.path) > largestWalBytes) break;
        const k = keySpace.rehearsal + done;
        const type = stream.typeOf(k);
        try {
          session.run(type, stream.parametersOf(k, type));
        } catch {
          // SQLite has rolled back by itself, as on a full disk: the next call would commit.
          if (!connection.inTransaction) break;
        }
      }
      throw rollBack;
    });
  } catch (error) {
    if (error !== rollBack) throw error;
  }
  return done;
}

function walSize(databasePath: string): number {
  return statSync(`${databasePath}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
