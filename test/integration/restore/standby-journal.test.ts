import { closeSync, existsSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { childEntry } from '../../../src/core/file-access/child-entry.ts';
import { ReaderProcess } from '../../../src/core/file-access/reader-process.ts';
import { testContext } from '../../support/context.ts';
import { lockByteOffset } from '../../support/large-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const pageSizeBytes = 65_536;
const lockPage = lockByteOffset / pageSizeBytes + 1;
const pages = lockPage + 6;

function page(path: string, number: number): Buffer {
  const bytes = Buffer.alloc(pageSizeBytes);
  const file = openSync(path, 'r');
  readSync(file, bytes, 0, pageSizeBytes, (number - 1) * pageSizeBytes);
  closeSync(file);
  return bytes;
}

/** A sparse rollback-journal database of a little more than 1 GiB: a few pages with content on both sides of it. */
function createSparse(path: string): void {
  const db = new Database(path);
  db.pragma(`page_size = ${pageSizeBytes}`);
  db.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, body TEXT)');
  db.close();
  const file = openSync(path, 'r+');
  const count = Buffer.alloc(4);
  count.writeUInt32BE(pages);
  writeSync(file, count, 0, 4, 28);
  ftruncateSync(file, pages * pageSizeBytes);
  for (let number = lockPage - 3; number <= pages; number++) {
    if (number !== lockPage)
      writeSync(file, Buffer.alloc(pageSizeBytes, number % 251), 0, pageSizeBytes, (number - 1) * pageSizeBytes);
  }
  closeSync(file);
}

test('a batch that cuts a standby of over 1 GiB and dies in the middle is taken back whole', async () => {
  const path = join(temporaryFolder(), 'standby.db');
  createSparse(path);
  const numbers = [1, ...Array.from({ length: 10 }, (_, index) => lockPage - 3 + index)];
  const before = numbers.map((number) => page(path, number));
  const entry = childEntry(
    './standby-writer-main',
    new URL('../../../src/core/restore/follow/standby-writer.ts', import.meta.url).href,
  );
  const writer = new ReaderProcess(entry, { clock: testContext().clock });
  await writer.call('open', { path, pageSizeBytes });
  await writer.call('lock', { waitMs: 1000 });
  const pagesAfter = lockPage - 2;
  await writer.call('begin', { pages: Uint32Array.from([lockPage - 3]), pagesAfter });
  await writer.call('write', { page: lockPage - 3, bytes: new Uint8Array(pageSizeBytes).fill(255) });
  const cut = openSync(path, 'r+');
  ftruncateSync(cut, pagesAfter * pageSizeBytes);
  closeSync(cut);
  await writer.stop();
  expect(existsSync(`${path}-journal`)).toBe(true);

  const reader = new Database(path);
  expect(reader.prepare('SELECT count(*) FROM item').pluck().get()).toBe(0);
  reader.close();
  expect(existsSync(`${path}-journal`)).toBe(false);
  const after = numbers.map((number) => page(path, number));
  for (const [index, number] of numbers.entries()) {
    expect(after[index]?.equals(before[index] as Buffer), `page ${number} of ${pages}`).toBe(true);
  }
});
