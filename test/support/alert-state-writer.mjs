// Changes the alert state of a database beside others. argv: state folder, database, name, count.
// Each change adds one entry to the history. With a count of 0 it takes the lock, saves once, and never gives it back.
import { writeSync } from 'node:fs';
import { AlertStateFile } from '../../dist/core/alert/state-file.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';

const [stateDirectory = '', database = '', name = '', count = ''] = process.argv.slice(2);
const context = { clock: systemClock, random: systemRandom, signal: new AbortController().signal };
const owner = { pid: process.pid, hostname: 'localhost' };
const state = new AlertStateFile({ stateDirectory, database, owner }, context);
const entry = (n) => ({ key: `${n}`, rule: name, labels: {}, kind: 'fired', severity: 'warning', value: n, atMs: 0 });
const add = (n) =>
  state.change((file, save) => {
    save({ ...file, history: [...file.history, entry(n)] });
    if (count !== '0') return;
    writeSync(1, 'ready\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });

if (count === '0') await add(0);
writeSync(1, 'ready\n');
for (let n = 0; n < Number(count); n++) await add(n);
