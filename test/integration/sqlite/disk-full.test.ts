import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { insertFill, notes, testDatabase } from '../../support/open-database.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('a disk that fills up loses what was not acknowledged, nothing else, and works again with space', async () => {
  // Where no small disk can be mounted, SQLite's own limit stands for it.
  const disk = smallDisk(6);
  const folder = disk ?? temporaryFolder();
  const ballast = join(folder, 'ballast');
  if (disk !== undefined) writeFileSync(ballast, Buffer.alloc(1024 * 1024));
  const database = testDatabase({
    path: join(folder, 'market.db'),
    durability: 'full',
    groupCommit: { maxOperations: 10 },
  });
  if (disk === undefined) database.writer.pragma('max_page_count = 500');

  const acknowledged: string[] = [];
  const failures: unknown[] = [];
  for (let round = 0; failures.length === 0 && round < 10_000; round++) {
    const names = Array.from({ length: 10 }, (_, index) => `${round}-${index}-${'x'.repeat(2000)}`);
    const outcomes = await Promise.allSettled(
      names.map((name) => database.enqueue((t) => void t.run(insertFill, [name, round]))),
    );
    const lost = outcomes.filter(({ status }) => status === 'rejected');
    expect([0, 10]).toContain(lost.length);
    if (lost.length === 0) acknowledged.push(...names);
    failures.push(...lost.map((outcome) => (outcome as PromiseRejectedResult).reason));
  }
  expect(failures[0]).toMatchObject({ code: expect.stringMatching(/^(disk_full|io_error)$/) });
  expect(database.writer.inTransaction).toBe(false);
  expect(notes(database)).toEqual(acknowledged);

  rmSync(ballast, { force: true });
  if (disk === undefined) database.writer.pragma('max_page_count = 100000');
  database.tx((t) => t.run(insertFill, ['again', 1]));
  expect(notes(database)).toEqual([...acknowledged, 'again']);
  expect(database.writer.value('PRAGMA quick_check')).toBe('ok');
  await database.close();
});
