import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { backUp, restoreTo } from '../../support/backup-requests.ts';
import {
  createCountingDatabase,
  expectCommittedState,
  startWriter,
  stopProcess,
} from '../../support/counting-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('backup create', () => {
  test('of a quiet database: the restored file is byte-identical', async () => {
    const folder = temporaryFolder();
    createCountingDatabase(join(folder, 'a.db'));
    const { manifest, findings } = await backUp(folder);
    expect(findings).toEqual([]);
    expect(manifest).toMatchObject({ type: 'full', method: 'pages', parentId: null, chainLength: 0 });
    const restored = await restoreTo(folder, join(folder, 'b.db'));
    expect(restored.bytesWritten).toBe(readFileSync(join(folder, 'a.db')).length);
    expect(readFileSync(join(folder, 'b.db')).equals(readFileSync(join(folder, 'a.db')))).toBe(true);
    expect(expectCommittedState(join(folder, 'b.db'))).toBe(5000);
  });

  test.each([0, 200])('beside a writer at %i transactions a second it ends with one committed state', async (tps) => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    createCountingDatabase(path, { rows: 20_000 });
    const writer = await startWriter(path, tps);
    const counts: number[] = [];
    for (let round = 0; round < (tps === 0 ? 3 : 5); round++) {
      const before = expectCommittedState(path);
      const { manifest } = await backUp(folder, { codec: { name: round % 2 === 0 ? 'none' : 'zstd', level: round } });
      expect(manifest.method).toBe('pages');
      const target = join(folder, `copy-${round}.db`);
      await restoreTo(folder, target, { wanted: { kind: 'backup', id: manifest.id } });
      const rows = expectCommittedState(target);
      expect(rows).toBeGreaterThanOrEqual(before);
      counts.push(rows);
    }
    await stopProcess(writer);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBeLessThanOrEqual(expectCommittedState(path));
  });
});
