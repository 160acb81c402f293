// Applies migrations and kills itself with SIGKILL at one pause between two batches: arguments are the built core,
// folder, database and the number of the pause. Prints the number of pauses when it gets to the end.
import { builtCore } from './built-core.mjs';

const [dist, directory, path, boundary] = process.argv.slice(2);
const { load, context: quiet } = await builtCore(dist);
const { applyMigrations } = await load('core/migration/up.js');
const { openForMigration } = await load('core/migration/open.js');
const { folderSource } = await load('core/migration/source-folder.js');
let count = 0;
const clock = {
  ...quiet.clock,
  sleep: (ms, signal) => {
    if (count++ === Number(boundary)) process.kill(process.pid, 'SIGKILL');
    return quiet.clock.sleep(ms, signal);
  },
};
const context = { ...quiet, clock };
const connection = await openForMigration(path, { create: true, lockTimeoutMs: 5000 }, context);
const result = await applyMigrations(
  {
    connection,
    source: folderSource(directory),
    tool: 'test',
    lockTimeoutMs: 5000,
    long: {
      owner: { pid: process.pid, hostname: 'test' },
      takeoverMs: 60_000,
      data: { batch: 100, targetHoldMs: 25, pauseRatio: 0 },
      online: { targetHoldMs: 2, pauseRatio: 0, batchRows: [50, 200], checkpointEvery: 4 },
    },
  },
  context,
);
connection.close();
process.stdout.write(JSON.stringify({ pauses: count, applied: result.applied.length, failed: result.failed }));
