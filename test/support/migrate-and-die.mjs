// Applies migrations and kills itself with SIGKILL at one boundary: arguments are the built core, folder, database,
// boundary number and mode. Every statement and every COMMIT is one boundary.
import { builtCore } from './built-core.mjs';

const [dist, directory, path, boundary, mode] = process.argv.slice(2);
const { load, context } = await builtCore(dist);
const { applyMigrations } = await load('core/migration/up.js');
const { openForMigration } = await load('core/migration/open.js');
const { folderSource } = await load('core/migration/source-folder.js');
let count = 0;
const step = () => {
  if (count++ === Number(boundary)) process.kill(process.pid, 'SIGKILL');
};
const connection = await openForMigration(path, { create: true, lockTimeoutMs: 5000 }, context);
const result = await applyMigrations(
  {
    connection,
    source: folderSource(directory),
    tool: 'test',
    lockTimeoutMs: 5000,
    atomic: mode === 'atomic',
    onStatement: step,
    onFile: step,
  },
  context,
);
connection.close();
process.stdout.write(JSON.stringify({ boundaries: count, applied: result.applied.length, failed: result.failed }));
