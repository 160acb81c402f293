import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';

/** A database of another shape than ours: a shop, with names that need quoting. */
export function createShop(path: string, journalMode: 'wal' | 'delete' = 'wal'): void {
  const db = new Database(path);
  db.pragma(`journal_mode = ${journalMode}`);
  db.exec(`
    CREATE TABLE "order lines" (id INTEGER PRIMARY KEY, "it's" TEXT, price REAL, sold_at TEXT);
    CREATE TABLE customer (code TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX "by ""price""" ON "order lines" (price DESC);
    CREATE VIEW "top" AS SELECT * FROM "order lines" WHERE price > 90;
  `);
  const insert = db.prepare('INSERT INTO "order lines" ("it\'s", price, sold_at) VALUES (?, ?, ?)');
  const customer = db.prepare('INSERT INTO customer VALUES (?, ?)');
  db.transaction(() => {
    for (let k = 0; k < 3000; k++) insert.run(`line ${k} ${'x'.repeat(k % 90)}`, (k * 7919) % 100, '2026-01-02');
    for (let k = 0; k < 300; k++) customer.run(`c${k}`, `name ${k}`);
  })();
  db.close();
}

export type BadInput = 'missing' | 'folder' | 'empty' | 'text' | 'truncated';

/** Makes one kind of bad input in `folder` and gives its path. */
export function makeBadInput(kind: BadInput, folder: string): string {
  const path = join(folder, 'trades.db');
  if (kind === 'folder') mkdirSync(path);
  if (kind === 'empty') writeFileSync(path, '');
  if (kind === 'text') writeFileSync(path, 'date,open,high,low,close\n'.repeat(500));
  if (kind === 'truncated') {
    const whole = join(folder, 'whole.db');
    createShop(whole);
    copyFileSync(whole, path);
    truncateSync(path, Math.floor(statSync(path).size / 8192) * 4096 + 1000);
  }
  return path;
}

/** A second real process that holds an exclusive lock on the database until the test ends. */
export async function holdExclusiveLock(path: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./hold-lock.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the lock holder ended with ${code}`)));
    child.stdout.once('data', () => resolve());
  });
  return child;
}

/** Makes a folder that nobody can write into, also not root: a tmpfs mounted read-only, or the mode where that is enough. */
export function makeReadOnly(folder: string): void {
  if (process.getuid?.() === 0) {
    execFileSync('mount', ['--bind', folder, folder]);
    onTestFinished(() => {
      execFileSync('umount', [folder]);
    });
    execFileSync('mount', ['-o', 'remount,bind,ro', folder]);
    return;
  }
  execFileSync('chmod', ['0555', folder]);
  onTestFinished(() => {
    execFileSync('chmod', ['0755', folder]);
  });
}
