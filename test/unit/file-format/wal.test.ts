import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  parseWalFrameHeader,
  WalChain,
  walFrameCapacity,
  walFrameOffset,
} from '../../../src/core/file-format/wal-frame.ts';
import { parseWalHeader, sameGeneration } from '../../../src/core/file-format/wal-header.ts';
import { parseWalIndexHeader, unusedReadMark } from '../../../src/core/file-format/wal-index-header.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { copyWithWal, createWalDatabase, pageSizes, toBigEndianWal } from '../../support/wal-database.ts';

function walk(bytes: Uint8Array) {
  const header = parseWalHeader(bytes)!;
  const chain = new WalChain(header);
  let commits = 0;
  let pagesAfterCommit = 0;
  for (let number = 1; number <= walFrameCapacity(bytes.length, header.pageSizeBytes); number++) {
    const frame = chain.next(bytes, walFrameOffset(number, header.pageSizeBytes));
    if (frame === undefined) break;
    if (frame.pagesAfterCommit > 0) {
      commits += 1;
      pagesAfterCommit = frame.pagesAfterCommit;
    }
  }
  return { header, position: chain.position, commits, pagesAfterCommit };
}

describe('WAL written by SQLite', () => {
  test.each(pageSizes)('page size %i: every frame continues the chain, and the wal-index agrees', (size) => {
    const path = join(temporaryFolder(), 'a.db');
    const db = createWalDatabase(path, size, 20);
    const wal = new Uint8Array(readFileSync(`${path}-wal`));
    const index = parseWalIndexHeader(new Uint8Array(readFileSync(`${path}-shm`)))!;
    const { header, position, commits, pagesAfterCommit } = walk(wal);
    expect(header.pageSizeBytes).toBe(size);
    expect(commits).toBe(20);
    expect(index).toMatchObject({
      pageSizeBytes: size,
      maxFrame: position.frame,
      pageCount: pagesAfterCommit,
      frameChecksum1: position.checksum1,
      frameChecksum2: position.checksum2,
      checksumOrder: header.checksumOrder,
      backfilledFrames: 0,
    });
    expect(sameGeneration(index, header)).toBe(true);
    expect(index.readMarks[0]).toBe(0);
    expect(index.readMarks[4]).toBe(unusedReadMark);
    expect(db.pragma('wal_checkpoint(PASSIVE)')).toEqual([
      { busy: 0, log: position.frame, checkpointed: position.frame },
    ]);
    const after = parseWalIndexHeader(new Uint8Array(readFileSync(`${path}-shm`)));
    expect(after?.backfilledFrames).toBe(position.frame);
    db.close();
  });

  test.each(pageSizes)('page size %i: a WAL with big-endian checksums is read, by SQLite too', (size) => {
    const folder = temporaryFolder();
    const db = createWalDatabase(join(folder, 'a.db'), size, 5);
    const copy = join(folder, 'b.db');
    copyWithWal(join(folder, 'a.db'), copy);
    db.close();
    toBigEndianWal(`${copy}-wal`);
    const { header, commits } = walk(new Uint8Array(readFileSync(`${copy}-wal`)));
    expect(header.checksumOrder).toBe('big');
    expect(commits).toBe(5);
    const reopened = new Database(copy);
    expect(reopened.prepare('SELECT count(*) FROM item').pluck().get()).toBe(15);
    reopened.close();
  });

  test('one flipped bit ends the chain at its frame, for SQLite as well', () => {
    const folder = temporaryFolder();
    const db = createWalDatabase(join(folder, 'a.db'), 4096, 10);
    const copy = join(folder, 'b.db');
    copyWithWal(join(folder, 'a.db'), copy);
    db.close();
    const bytes = new Uint8Array(readFileSync(`${copy}-wal`));
    const before = walk(bytes);
    const target = walFrameOffset(before.position.frame - 2, 4096) + 24 + 777;
    bytes[target] = bytes[target]! ^ 4;
    writeFileSync(`${copy}-wal`, bytes);
    const after = walk(bytes);
    expect(after.position.frame).toBe(before.position.frame - 3);
    const reopened = new Database(copy);
    expect(reopened.prepare('SELECT count(*) FROM item').pluck().get()).toBe(after.commits * 3);
    reopened.close();
  });

  test('a chain goes on from a position, and leftovers of another generation are refused', () => {
    const path = join(temporaryFolder(), 'a.db');
    const db = createWalDatabase(path, 1024, 8);
    const old = new Uint8Array(readFileSync(`${path}-wal`));
    const { header, position } = walk(old);
    const first = new WalChain(header);
    first.next(old, walFrameOffset(1, 1024));
    const rest = new WalChain(header, first.position);
    for (let number = 2; number <= position.frame; number++) {
      expect(rest.next(old, walFrameOffset(number, 1024))).toBeDefined();
    }
    expect(rest.position).toEqual(position);

    db.pragma('wal_checkpoint(PASSIVE)');
    db.exec('INSERT INTO item (body) VALUES (1)');
    const restarted = new Uint8Array(readFileSync(`${path}-wal`));
    expect(restarted.length).toBe(old.length);
    const now = walk(restarted);
    expect(now.commits).toBe(1);
    expect(sameGeneration(now.header, header)).toBe(false);
    expect(now.header.checkpointSequence).toBe(header.checkpointSequence + 1);
    expect(parseWalFrameHeader(restarted, walFrameOffset(now.position.frame + 1, 1024)).salt1).toBe(header.salt1);
    db.close();
  });

  test('no header is made of other bytes', () => {
    const path = join(temporaryFolder(), 'a.db');
    const db = createWalDatabase(path, 512, 1);
    const bytes = new Uint8Array(readFileSync(`${path}-wal`));
    db.close();
    expect(parseWalHeader(bytes.subarray(0, 31))).toBeUndefined();
    for (const offset of [0, 4, 8, 12, 16, 20, 24, 28]) {
      const damaged = bytes.slice(0, 32);
      damaged[offset + 1] = damaged[offset + 1]! ^ 1;
      expect(parseWalHeader(damaged)).toBeUndefined();
    }
    expect(walFrameCapacity(0, 512)).toBe(0);
  });

  test('a wal-index whose copies differ is not used', () => {
    const path = join(temporaryFolder(), 'a.db');
    const db = createWalDatabase(path, 4096, 2);
    const bytes = new Uint8Array(readFileSync(`${path}-shm`));
    db.close();
    expect(parseWalIndexHeader(bytes)).toBeDefined();
    expect(parseWalIndexHeader(bytes.subarray(0, 100))).toBeUndefined();
    const torn = bytes.slice();
    torn[16] = torn[16]! ^ 1;
    expect(parseWalIndexHeader(torn)).toBeUndefined();
    torn[64] = torn[64]! ^ 1;
    expect(parseWalIndexHeader(torn)).toBeUndefined();
  });
});
