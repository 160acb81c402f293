import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { databaseIdOf } from '../../../src/core/backup/repository/object-name.ts';
import { verifyArchive } from '../../../src/core/backup/verify/archive.ts';
import { readEpochs } from '../../../src/core/backup/wal-archive/epoch.ts';
import { routeTo } from '../../../src/core/restore/point-in-time.ts';
import { openTestRepository, restoreTo } from '../../support/backup-requests.ts';
import { testContext } from '../../support/context.ts';
import {
  createCountingDatabase,
  expectCommittedState,
  startWriter,
  stopProcess,
} from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const launcher = fileURLToPath(new URL('../../../bin/tradedb.js', import.meta.url));

function archiver(folder: string): ChildProcess {
  const args = ['backup', 'archive', '-d', join(folder, 'a.db'), '-f', 'ndjson', '--segment-interval', '100ms'];
  return spawn(process.execPath, [launcher, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
}

describe('kill -9 of the archiver', () => {
  test('leaves segments that are whole, every state that can be restored is a committed one, and the next run goes on', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 500 });
    const writer = await startWriter(path, 100);
    for (let round = 0; round < 12; round++) {
      const child = archiver(folder);
      const gone = once(child, 'exit');
      setTimeout(() => child.kill('SIGKILL'), 150 + ((round * 397) % 1500));
      await gone;
    }
    const last = archiver(folder);
    let text = '';
    last.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    while (!text.includes('"segment"')) await new Promise((resolve) => setTimeout(resolve, 20));
    await stopProcess(writer);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const gone = once(last, 'exit');
    last.kill('SIGTERM');
    await gone;

    const repository = await openTestRepository(join(folder, 'backups'));
    const databaseId = databaseIdOf('a.db');
    const { problems } = await verifyArchive(repository, databaseId, 3, testContext());
    expect(problems).toEqual([]);
    const latest = await routeTo(repository, databaseId, { kind: 'latest' });
    await restoreTo(folder, join(folder, 'b.db'), { lineage: latest!.lineage, route: latest, repository });
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(expectCommittedState(path));
    const epochs = await readEpochs(repository, databaseId);
    for (const [index, epoch] of epochs.entries()) {
      const tx = epoch.segments.at(-1)?.lastTx;
      if (tx === undefined || index % 2 === 1) continue;
      const route = await routeTo(repository, databaseId, { kind: 'tx', tx, epoch: epoch.id });
      const file = join(folder, `epoch-${index}.db`);
      await restoreTo(folder, file, { lineage: route!.lineage, route, repository });
      expectCommittedState(file);
    }
  });
});
