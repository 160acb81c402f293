import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { BackgroundReaders } from '../../sqlite/background-reader/pool.ts';
import { startProcess, startThread } from '../../sqlite/background-reader/reader-port.ts';
import { openReadOnly } from '../../sqlite/connection.ts';
import { HookList } from '../../sqlite/hooks.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { errorMessage } from './error-message.ts';
import type { FromScan, ScanSetup } from './protocol.ts';

// Entry of the background readers: the pool of the library, each reader with one table after the other, each table in
// one snapshot, one scan a second. The parent kills the process, and its threads with it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(1));

const everyMs = 1000;
/** A scan is never cut: how long it takes is what is measured. */
const longestMs = 24 * 3_600_000;

function send(message: FromScan): void {
  process.send?.(message);
}

function tablesOf({ path, busyTimeoutMs }: ScanSetup): string[] {
  const connection = openReadOnly(path, { clock: systemClock, random: systemRandom, busyTimeoutMs });
  try {
    return connection
      .all<{ name: string }>(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
      )
      .map(({ name }) => name);
  } finally {
    connection.close();
  }
}

function openPool({ path, size, busyTimeoutMs }: ScanSetup): BackgroundReaders {
  const settings = {
    path,
    busyTimeoutMs,
    statementCacheSize: 16,
    cacheSizeBytes: fullProfile.cacheSizeBytes,
    mmapSizeBytes: 0,
  };
  return new BackgroundReaders(
    { size, maxQueued: size, queueTimeout: longestMs, deadline: longestMs },
    {
      clock: systemClock,
      hooks: new HookList([], () => {}),
      startThread: (events) => startThread(settings, events),
      startProcess: (events) => startProcess(settings, events),
    },
  );
}

async function scan(pool: BackgroundReaders, tables: readonly string[], reader: number): Promise<void> {
  for (let turn = reader; ; turn++) {
    const table = tables[turn % Math.max(1, tables.length)];
    const started = systemClock.now();
    let rows = 0;
    let failed = false;
    try {
      if (table !== undefined) {
        // Without an index SQLite has to walk every page of the table itself.
        const sql = `SELECT count(*) AS n FROM ${quoteIdentifier(table)} NOT INDEXED`;
        rows = Number((await pool.all<{ n: number }>(sql))[0]?.n ?? 0);
      }
    } catch {
      failed = true;
    }
    const busyMs = systemClock.now() - started;
    await systemClock.sleep(Math.max(0, everyMs - busyMs));
    send({ type: 'scanned', busyMs, spanMs: systemClock.now() - started, rows, failed });
  }
}

process.once('message', async (setup: ScanSetup) => {
  try {
    const tables = tablesOf(setup);
    const pool = openPool(setup);
    send({ type: 'ready' });
    await Promise.all(Array.from({ length: setup.size }, (_, reader) => scan(pool, tables, reader)));
  } catch (error) {
    send(errorMessage(error));
  }
});
