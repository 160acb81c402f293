import { existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import {
  adoptScratchFolder,
  createScratchFolder,
  openScratch,
  removeScratchFolder,
  scratchMarker,
} from '../../../src/core/sqlite/scratch.ts';
import { withWritableSchema } from '../../../src/core/sqlite/writable-schema.ts';
import { testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const renameTable = "UPDATE sqlite_schema SET name = 'b', tbl_name = 'b', sql = 'CREATE TABLE b (x)' WHERE name = 'a'";

test('a scratch database lies in a private folder and its schema can be written', () => {
  const parent = temporaryFolder();
  const folder = createScratchFolder(parent, process.pid);
  const connection = openScratch(join(folder, 'copy.db'), testPorts);
  if (process.platform !== 'win32') {
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'copy.db')).mode & 0o777).toBe(0o600);
  }
  connection.exec('CREATE TABLE a (x); PRAGMA writable_schema = 1');
  connection.exec(renameTable);
  expect(connection.value('SELECT name FROM sqlite_schema')).toBe('b');
  connection.close();
  removeScratchFolder(folder);
  expect(existsSync(folder)).toBe(false);
});

test('openScratch refuses every path outside, also through a link', () => {
  const parent = temporaryFolder();
  const users = join(parent, 'user.db');
  createDatabase(users, normalProfile, testPorts).close();
  const folder = createScratchFolder(parent, process.pid);
  symlinkSync(users, join(folder, 'link.db'));
  mkdirSync(join(folder, 'below'));
  for (const path of [users, join(folder, 'link.db'), join(folder, '..', 'user.db'), join(folder, 'below', 'x.db')]) {
    expect(() => openScratch(path, testPorts)).toThrow(expect.objectContaining({ code: 'usage' }));
  }
  expect(() => removeScratchFolder(parent)).toThrow(expect.objectContaining({ code: 'usage' }));
  removeScratchFolder(folder);
  expect(existsSync(users)).toBe(true);
});

test('a child adopts only a folder that carries the mark', () => {
  const folder = temporaryFolder();
  expect(() => adoptScratchFolder(folder)).toThrow(expect.objectContaining({ code: 'usage' }));
  const marked = createScratchFolder(folder, 1);
  expect(existsSync(join(marked, scratchMarker))).toBe(true);
  adoptScratchFolder(marked);
  openScratch(join(marked, 'a.db'), testPorts).close();
});

test('withWritableSchema opens the schema for the function alone, also when it throws', () => {
  const path = join(temporaryFolder(), 'a.db');
  const connection = createDatabase(path, normalProfile, testPorts);
  connection.exec('CREATE TABLE a (x)');
  expect(() => connection.exec(renameTable)).toThrow('may not be modified');
  expect(() =>
    withWritableSchema(connection, () => {
      throw new Error('stop');
    }),
  ).toThrow('stop');
  expect(() => connection.exec(renameTable)).toThrow('may not be modified');
  connection.tx((t) =>
    withWritableSchema(t, () => {
      t.exec(renameTable);
      t.pragma(`schema_version = ${Number(t.pragmaValue('schema_version')) + 1}`);
    }),
  );
  connection.close();
  const again = openReadWrite(path, normalProfile, testPorts);
  expect(again.value('SELECT count(*) FROM b')).toBe(0);
  again.close();
});
