import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { openReadOnly } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { errorMessage } from './error-message.ts';
import type { FromScan, ScanSetup } from './protocol.ts';

// Entry of a background reader: one table after the other, each in one snapshot, one scan a second. The parent kills it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(1));

const everyMs = 1000;

function send(message: FromScan): void {
  process.send?.(message);
}

async function scan(setup: ScanSetup): Promise<void> {
  const connection = openReadOnly(setup.path, {
    clock: systemClock,
    random: systemRandom,
    busyTimeoutMs: setup.busyTimeoutMs,
  });
  const tables = connection
    .all<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .map(({ name }) => name);
  send({ type: 'ready' });
  for (let turn = setup.reader; ; turn++) {
    const table = tables[turn % Math.max(1, tables.length)];
    const started = systemClock.now();
    let rows = 0;
    let failed = false;
    try {
      // Without an index SQLite has to walk every page of the table itself.
      const sql = table === undefined ? '' : `SELECT count(*) AS n FROM ${quoteIdentifier(table)} NOT INDEXED`;
      if (sql !== '') rows = Number(connection.value(sql) ?? 0);
    } catch {
      failed = true;
    }
    const busyMs = systemClock.now() - started;
    await systemClock.sleep(Math.max(0, everyMs - busyMs));
    send({ type: 'scanned', busyMs, spanMs: systemClock.now() - started, rows, failed });
  }
}

process.once('message', (setup: ScanSetup) => {
  scan(setup).catch((error: unknown) => send(errorMessage(error)));
});
