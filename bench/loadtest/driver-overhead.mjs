// What the load driver costs over loops without it: alternating slices in one process on one file, so that all
// contenders see the same machine. CPU per transaction is the figure to read; the wall clock of a shared machine is not.
//   node bench/loadtest/driver-overhead.mjs [--slices 40] [--slice-ms 350] [--folder /dev/shm]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { ClientWork } from '../../dist/core/loadtest/child/client-work.js';
import { PhaseRun } from '../../dist/core/loadtest/driver.js';
import { orderEntryScenarios } from '../../dist/core/loadtest/scenario/order-entry.js';
import { StatementStream } from '../../dist/core/loadtest/stream/statement-stream.js';
import { createDatabase } from '../../dist/core/sqlite/connection.js';
import { normalProfile } from '../../dist/core/sqlite/pragma-profile.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';

const { values } = parseArgs({
  options: {
    slices: { type: 'string', default: '40' },
    'slice-ms': { type: 'string', default: '350' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const slices = Number(values.slices);
const sliceMs = Number(values['slice-ms']);
const folder = mkdtempSync(join(values.folder, 'tradedb-driver-'));
const ports = { clock: systemClock, random: systemRandom };
const turn = () => new Promise((resolve) => setImmediate(resolve));

const ringLength = 65_536;

/**
 * A hand-written better-sqlite3 loop over the same statements and the same values, drawn beforehand: other values would
 * touch other pages, and the difference would be the workload's.
 */
function bareLoop(db, scenario, stream) {
  const statements = scenario.transactions[0].statements.map((sql) => db.prepare(sql));
  const [insertOrder, movePosition, insertFill] = statements;
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const ring = Array.from({ length: ringLength }, (_, k) => stream.parametersOf(k, 0));
  let k = 0;
  return {
    'order-entry': () => {
      k += 1;
      const drawn = ring[k % ringLength];
      const values = {
        clientId: `bare-${k}`,
        account: drawn.account,
        instrument: drawn.instrument,
        side: drawn.side,
        quantity: drawn.quantity,
        price: drawn.price,
        delta: drawn.delta,
      };
      begin.run();
      const orderId = insertOrder.run(values).lastInsertRowid;
      movePosition.run(values);
      insertFill.run({ orderId, quantity: drawn.quantity, price: drawn.price });
      commit.run();
    },
    'order-read': () => {
      k += 1;
      statements[0].all(ring[k % ringLength]);
    },
  };
}

async function timed(work) {
  const cpu = process.cpuUsage();
  const started = performance.now();
  const count = await work(started + sliceMs);
  const wallMs = performance.now() - started;
  const used = process.cpuUsage(cpu);
  return { cpuUs: (used.user + used.system) / count, wallUs: (wallMs * 1000) / count };
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

async function run(name) {
  const scenario = orderEntryScenarios.find((one) => one.name === name);
  const path = join(folder, `${name}.db`);
  const connection = createDatabase(path, normalProfile, { ...ports, busyTimeoutMs: 0 });
  scenario.setup(connection);
  const db = new Database(path);
  db.pragma('synchronous = NORMAL');
  db.pragma('wal_autocheckpoint = 10000');
  const stream = new StatementStream(scenario, 1);
  const bare = bareLoop(db, scenario, stream)[name];
  const session = scenario.open(connection, { runId: 'layer', seed: 1 });
  const work = new ClientWork({
    types: 1,
    stream,
    connection,
    busyTimeoutMs: 5000,
    session: scenario.open(connection, { runId: 'driver', seed: 1 }),
  });
  let next = 0;
  const contenders = {
    'bare loop': (until) => {
      let count = 0;
      while (performance.now() < until) {
        for (let i = 0; i < 10; i++) bare();
        count += 10;
      }
      return count;
    },
    'database layer': (until) => {
      let count = 0;
      while (performance.now() < until) {
        for (let i = 0; i < 10; i++) session.run(0, stream.parametersOf(next++, 0));
        count += 10;
      }
      return count;
    },
    'load driver': async (until) => {
      next += 10_000_000;
      const phase = {
        loop: 'closed',
        epochMs: performance.now(),
        durationMs: until - performance.now(),
        groupSize: 1,
        first: next,
        step: 1,
        thinkMs: [0],
      };
      const result = await new PhaseRun(phase, work, { ...systemClock, turn }).run();
      return result.tallies[0].service.count;
    },
  };
  const results = Object.fromEntries(Object.keys(contenders).map((key) => [key, []]));
  for (let slice = -3; slice < slices; slice++) {
    for (const [key, contender] of Object.entries(contenders)) {
      const figures = await timed(contender);
      if (slice >= 0) results[key].push(figures);
    }
  }
  connection.close();
  db.close();
  console.log(`\n${name}: ${slices} alternating slices of ${sliceMs} ms`);
  const ratio = (a, b, of) => median(results[a].map((one, index) => one[of] / results[b][index][of]));
  for (const key of Object.keys(contenders)) {
    const cpu = median(results[key].map((one) => one.cpuUs));
    console.log(
      `  ${key.padEnd(15)} CPU ${cpu.toFixed(2).padStart(6)} us/op   CPU ${ratio(key, 'bare loop', 'cpuUs').toFixed(3)}x, wall ${ratio(key, 'bare loop', 'wallUs').toFixed(3)}x of the bare loop`,
    );
  }
  console.log(
    `  driver over the database layer: CPU ${((ratio('load driver', 'database layer', 'cpuUs') - 1) * 100).toFixed(1)}%, wall ${((ratio('load driver', 'database layer', 'wallUs') - 1) * 100).toFixed(1)}%`,
  );
}

try {
  await run('order-entry');
  await run('order-read');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
