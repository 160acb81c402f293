// kill -9 at random moments of every maintenance command: run (in steps and by a compact copy), checkpoint, optimize,
// archive, and the restore of an archive. After each, every row is in its table, in a verified archive, or in both, and
// the next run finishes. It is the tests of these kills with a higher count.
//   node bench/vacuum/kills.mjs [kills of each kind]
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kills = process.argv[2] ?? '20';
const root = fileURLToPath(new URL('../../', import.meta.url));
const started = performance.now();
const result = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    ...['run', 'test/e2e/vacuum-kill.test.ts', 'test/e2e/vacuum-archive-kill.test.ts', '--reporter', 'verbose'],
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, TRADEDB_TEST_KILLS: kills } },
);
console.log(`${kills} kills of each kind in ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
process.exitCode = result.status ?? 1;
