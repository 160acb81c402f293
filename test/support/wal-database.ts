import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { WalChecksum } from '../../src/core/file-format/wal-checksum.ts';

/** Databases with frames in their WAL, written by SQLite itself. */

export const pageSizes = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536] as const;

/** A new WAL database whose last `commits` transactions are in the WAL only. The caller closes it. */
export function createWalDatabase(path: string, pageSizeBytes: number, commits: number): Database.Database {
  const db = new Database(path);
  db.pragma(`page_size = ${pageSizeBytes}`);
  db.pragma('journal_mode = WAL');
  db.pragma('wal_autocheckpoint = 0');
  db.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, body BLOB NOT NULL)');
  db.pragma('wal_checkpoint(TRUNCATE)');
  const insert = db.prepare('INSERT INTO item (body) VALUES (randomblob(?))');
  for (let commit = 0; commit < commits; commit++) {
    db.transaction(() => {
      for (let row = 0; row < 3; row++) insert.run(100 + ((commit * 37 + row) % 900));
    })();
  }
  return db;
}

/** Copies database and WAL as they lie there, as after a crash. */
export function copyWithWal(from: string, to: string): void {
  copyFileSync(from, to);
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
}

/** Rewrites a WAL so that its checksums use big-endian words, as a big-endian machine would have written it. */
export function toBigEndianWal(path: string): void {
  const bytes = new Uint8Array(readFileSync(path));
  const view = new DataView(bytes.buffer);
  const pageSizeBytes = view.getUint32(8);
  view.setUint32(0, 0x377f_0683);
  const sum = new WalChecksum('big').update(bytes, 0, 24);
  view.setUint32(24, sum.first);
  view.setUint32(28, sum.second);
  for (let offset = 32; offset + 24 + pageSizeBytes <= bytes.length; offset += 24 + pageSizeBytes) {
    sum.update(bytes, offset, 8).update(bytes, offset + 24, pageSizeBytes);
    view.setUint32(offset + 16, sum.first);
    view.setUint32(offset + 20, sum.second);
  }
  writeFileSync(path, bytes);
}
