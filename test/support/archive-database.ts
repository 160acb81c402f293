import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { ArchiveResult } from '../../src/core/maintenance/archive/request.ts';
import type { Report } from '../../src/core/report.ts';
import { parseReport, tradedb } from './cli.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface ArchiveSetup {
  readonly folder: string;
  readonly database: string;
  readonly archive: string;
}

const day = 86_400;

/** Seconds since 1970 of a day in 2024. */
export const dayOf2024 = (number: number): number => Date.UTC(2024, 0, 1) / 1000 + number * day;

/**
 * A folder with a database and a configuration. Table `event` has `rows` rows over the first days of 2024, 500 a day,
 * and as many that stay; `detail` has one row for every second event and leaves with it.
 */
export function archiveSetup(rows: number, policy: Readonly<Record<string, unknown>> = {}): ArchiveSetup {
  const folder = temporaryFolder();
  const database = join(folder, 'shop.db');
  const db = new Database(database);
  db.pragma('journal_mode = WAL');
  db.exec(`
    CREATE TABLE event (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, note TEXT, amount REAL, big INTEGER, raw BLOB);
    CREATE INDEX event_at ON event (at);
    CREATE TABLE detail (event_id INTEGER NOT NULL REFERENCES event, line INTEGER, text TEXT, PRIMARY KEY (event_id, line)) WITHOUT ROWID;
  `);
  const event = db.prepare('INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)');
  const detail = db.prepare('INSERT INTO detail VALUES (?, ?, ?)');
  const now = Math.floor(Date.now() / 1000);
  db.transaction(() => {
    for (let id = 1; id <= rows * 2; id += 1) {
      const at = id <= rows ? dayOf2024(id / 500) : now;
      const blob = id % 3 === 0 ? null : Buffer.from([id % 256, 0, 255]);
      event.run(
        id,
        Math.floor(at),
        id % 5 === 0 ? '' : `note ${id} é\0x`,
        id % 7 === 0 ? -0.0 : id / 3,
        9007199254740993n + BigInt(id),
        blob,
      );
      if (id % 2 === 0) detail.run(id, 1, `detail of ${id}`);
    }
  })();
  db.close();
  const archive = join(folder, 'old rows');
  const policies = [{ table: 'event', column: 'at', unit: 's', keep: '30d', children: ['detail'], ...policy }];
  const maintenance = {
    archive: { folder: 'old rows', rowGroupRows: 1000, reserve: '0B' },
    retention: { policies },
    vacuum: { duty: 1 },
  };
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ database: { path: 'shop.db' }, maintenance }));
  return { folder, database, archive };
}

export async function archive(setup: ArchiveSetup, ...more: string[]): Promise<Report<ArchiveResult>> {
  const result = await tradedb(['vacuum', 'archive', '--json', '--yes', ...more], { cwd: setup.folder });
  return parseReport<ArchiveResult>(result);
}

/** Every row of the tables as text, exact for each storage class. */
export function contentOf(database: string): Map<string, string> {
  const db = new Database(database, { readonly: true });
  try {
    const rows = new Map<string, string>();
    for (const table of ['event', 'detail']) {
      const columns = db.prepare(`SELECT name FROM pragma_table_info('${table}')`).pluck().all() as string[];
      const list = columns.map((name) => `quote(CAST(${name} AS BLOB)) || typeof(${name})`).join(" || ',' || ");
      const key = table === 'event' ? 'id' : 'event_id';
      for (const row of db.prepare(`SELECT ${key} AS k, ${list} AS v FROM ${table}`).all() as {
        k: number;
        v: string;
      }[]) {
        rows.set(`${table} ${row.k}`, row.v);
      }
    }
    return rows;
  } finally {
    db.close();
  }
}

/** What a writer says it has committed: the last value of every row it touched. */
export function committedChanges(log: string): Map<number, string | undefined> {
  const last = new Map<number, string | undefined>();
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (!line.endsWith(']')) continue;
    const [kind, id, value] = JSON.parse(line) as [string, number, string | undefined];
    last.set(id, kind === 'set' ? value : undefined);
  }
  return last;
}
