import { createHash } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OutputFiles } from '../../../src/core/backup/chunk/check-chunk.ts';
import { readStored } from '../../../src/core/backup/wal-archive/segment-reading.ts';
import { fingerprintBytes, fingerprintsOf } from '../../../src/core/file-format/page-fingerprint.ts';
import { digestOfFile } from '../../../src/core/restore/file-digest.ts';
import { routeTo } from '../../../src/core/restore/point-in-time.ts';
import { writeSegment } from '../../../src/core/restore/segment-writing.ts';
import { startArchive, writeCommits } from '../../support/archive-runs.ts';
import { openTestRepository, restoreTo, testDatabaseId } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import { createCountingDatabase } from '../../support/counting-database.ts';
import { segmentsOf } from '../../support/segments.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

test('commits are written once by several threads, in any order, and the digest is that of the file', async () => {
  const folder = temporaryFolder();
  createCountingDatabase(join(folder, 'a.db'), { rows: 300 });
  const archive = await startArchive(folder, { segmentBytes: 64 * 1024 });
  const commits = await writeCommits(folder, { commits: 120, seed: 11, chaos: true });
  await archive.stop();
  const repository = await openTestRepository(join(folder, 'backups'));
  const files = segmentsOf(join(folder, 'backups'));
  expect(files.length).toBeGreaterThan(10);

  // Growing, shrunk by VACUUM, and the newest: with one thread and with many.
  for (const tx of [40, 98, commits.length]) {
    for (const workers of [1, 4]) {
      const route = await routeTo(repository, testDatabaseId, { kind: 'tx', tx, epoch: null });
      const file = join(folder, `restored-${tx}-${workers}.db`);
      const restored = await restoreTo(folder, file, { lineage: route!.lineage, route, workers, check: 'none' });
      expect(hashOf(file), `commit ${tx}, ${workers} threads`).toBe(commits[tx - 1]?.hash);
      expect(restored.digest).toBe(await digestOfFile(file, 4096, testContext()));
      rmSync(file);
    }
  }

  // What one thread after the other does here, threads at the same time do in any order.
  const route = (await routeTo(repository, testDatabaseId, { kind: 'latest' }))!;
  const { pages } = route.commit;
  const { segments } = route;
  const place = { databaseId: testDatabaseId, epoch: route.epoch.id };
  const stored = await Promise.all(segments.map((segment) => readStored(repository, place, segment)));
  const wanted = { after: 0, upTo: route.tx };
  const write = (order: readonly number[]) => {
    const file = join(folder, `pages-${order[0]}.db`);
    writeFileSync(file, '');
    truncateSync(file, pages * 4096);
    const ranks = new Int32Array(new SharedArrayBuffer((pages + 1) * 4));
    const fingerprints = new Uint8Array(new SharedArrayBuffer(pages * fingerprintBytes));
    const output = new OutputFiles();
    for (const index of order) {
      const task = { stored: new Uint8Array(stored[index]!), place, segment: segments[index]!, wanted };
      const target = { rank: segments.length - index, pageSizeBytes: 4096, file, ranks, fingerprints };
      writeSegment({ ...task, ...target }, output);
    }
    output.close();
    const bytes = readFileSync(file);
    const expected = fingerprintsOf(bytes, 4096);
    for (let page = 1; page <= pages; page++) {
      if (ranks[page] === 0) continue;
      const [start, end] = [(page - 1) * fingerprintBytes, page * fingerprintBytes];
      expect(Buffer.compare(fingerprints.subarray(start, end), expected.subarray(start, end)), `page ${page}`).toBe(0);
    }
    return bytes;
  };
  const upwards = segments.map((_, index) => index);
  const newestFirst = write([...upwards].reverse());
  expect(Buffer.compare(write(upwards), newestFirst)).toBe(0);
  const shuffled = [...upwards].sort((a, b) => ((a * 7919) % 31) - ((b * 7919) % 31));
  expect(Buffer.compare(write(shuffled), newestFirst)).toBe(0);
});
