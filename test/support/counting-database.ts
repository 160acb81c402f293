import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect, onTestFinished } from 'vitest';

/** A database whose every committed state can be told from a mixture of states, and a process that writes into it. */

export interface CountingOptions {
  readonly pageSizeBytes?: number;
  readonly journalMode?: 'wal' | 'delete';
  readonly rows?: number;
  /** Further statements, run before the first row. */
  readonly setUp?: (db: Database.Database) => void;
}

export function createCountingDatabase(path: string, options: CountingOptions = {}): void {
  const db = new Database(path);
  db.pragma(`page_size = ${options.pageSizeBytes ?? 4096}`);
  options.setUp?.(db);
  db.pragma(`journal_mode = ${options.journalMode ?? 'wal'}`);
  db.exec(`CREATE TABLE entry (id INTEGER PRIMARY KEY, value INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE INDEX entry_value ON entry (value);
    CREATE TABLE counter (n INTEGER NOT NULL, total INTEGER NOT NULL);`);
  const rows = options.rows ?? 5000;
  db.exec(`INSERT INTO entry (value, body)
    WITH RECURSIVE step (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM step WHERE i < ${rows})
    SELECT i, hex(randomblob(60 + i % 100)) FROM step;
    INSERT INTO counter SELECT count(*), sum(value) FROM entry;`);
  db.close();
}

/** Checks that the file is one committed state, and returns how many rows it has. */
export function expectCommittedState(path: string): number {
  const db = new Database(path, { readonly: true, timeout: 5000 });
  try {
    db.exec('BEGIN');
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    const counter = db.prepare('SELECT n, total FROM counter').get() as { n: number; total: number };
    expect(db.prepare('SELECT count(*) AS n, sum(value) AS total FROM entry').get()).toEqual(counter);
    return counter.n;
  } finally {
    db.close();
  }
}

/** Starts a process that writes `tps` transactions a second (0: as many as it can) until the test ends. */
export async function startWriter(path: string, tps: number): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./counting-writer.mjs', import.meta.url));
  const child = fork(script, [path, String(tps)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  onTestFinished(() => stopProcess(child));
  await once(child, 'message');
  return child;
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
