// Applies migrations and kills itself with SIGKILL at one pause between two batches: arguments are the built core,
// folder, database and the number of the pause. Prints the number of pauses when it gets to the end.
import { pathToFileURL } from 'node:url';

const [dist, directory, path, boundary] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(`${dist}/${file}`).href);
const { applyMigrations } = await load('core/migration/up.js');
const { openForMigration } = await load('core/migration/open.js');
const { folderSource } = await load('core/migration/source-folder.js');
const { systemClock } = await load('system/system-clock.js');
const { systemRandom } = await load('system/system-random.js');
const nothing = () => {};
let count = 0;
const clock = {
  ...systemClock,
  sleep: (ms, signal) => {
    if (count++ === Number(boundary)) process.kill(process.pid, 'SIGKILL');
    return systemClock.sleep(ms, signal);
  },
};
const context = {
  clock,
  random: systemRandom,
  signal: new AbortController().signal,
  progress: { start: () => ({ advance: nothing, total: nothing, done: nothing }) },
  log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
};
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
