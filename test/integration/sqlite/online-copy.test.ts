import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase, openReadOnly, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { onlineCopy } from '../../../src/core/sqlite/online-copy.ts';
import { normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { testPorts } from '../../support/context.ts';
import { holdLock } from '../../support/lock-holder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function bigDatabase(folder: string, rows = 20_000): string {
  const path = join(folder, "live %20 'x'.db");
  const connection = createDatabase(path, normalProfile, testPorts);
  connection.exec('CREATE TABLE ticks (id INTEGER PRIMARY KEY, note TEXT)');
  connection.tx((t) => {
    for (let row = 0; row < rows; row++) t.run('INSERT INTO ticks (note) VALUES (?)', [`tick ${row}`]);
  });
  connection.close();
  return path;
}

test('a copy inside a read transaction is that snapshot, whatever a writer does between the steps', async () => {
  const folder = temporaryFolder();
  const path = bigDatabase(folder);
  const writer = openReadWrite(path, normalProfile, testPorts);
  const source = openReadOnly(path, testPorts);
  const target = join(folder, 'copy.db');
  source.run('BEGIN');
  source.value('SELECT count(*) FROM ticks');
  let steps = 0;
  const pages = await onlineCopy(source, target, {
    stepPages: 10,
    onStep: () => {
      steps += 1;
      writer.tx((t) => t.run("INSERT INTO ticks (note) VALUES ('late')"));
    },
  });
  source.run('COMMIT');
  expect(steps).toBeGreaterThan(3);
  const copy = openReadOnly(target, testPorts);
  expect(copy.value('SELECT count(*) FROM ticks')).toBe(20_000);
  expect(copy.value('PRAGMA quick_check')).toBe('ok');
  expect(copy.pragmaValue('page_count')).toBe(pages);
  for (const connection of [copy, source, writer]) connection.close();
});

test('the success that the driver reports for a locked source is not believed', async () => {
  const folder = temporaryFolder();
  const path = bigDatabase(folder, 10);
  const source = openReadWrite(path, normalProfile, testPorts);
  source.pragma('journal_mode = DELETE');
  await holdLock(path, ['BEGIN EXCLUSIVE']);
  const copying = onlineCopy(source, join(folder, 'copy.db'));
  await expect(copying).rejects.toMatchObject({ code: 'database_locked' });
  source.close();
});

test('a copy can be cancelled, and a target that cannot be written is told', async () => {
  const folder = temporaryFolder();
  const source = openReadOnly(bigDatabase(folder), testPorts);
  const cancel = new AbortController();
  const copying = onlineCopy(source, join(folder, 'copy.db'), {
    stepPages: 1,
    signal: cancel.signal,
    onStep: () => cancel.abort(),
  });
  await expect(copying).rejects.toMatchObject({ code: 'cancelled' });
  await expect(onlineCopy(source, join(folder, 'missing', 'copy.db'))).rejects.toMatchObject({
    code: 'file_not_found',
  });
  writeFileSync(join(folder, 'text.db'), 'not a database, but long enough to look at'.repeat(100));
  await expect(onlineCopy(source, join(folder, 'text.db'))).rejects.toMatchObject({ code: 'not_a_database' });
  source.close();
});
