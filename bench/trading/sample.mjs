// Sample market generator beside a bare loop that inserts the very same rows with prepared statements into an equal file:
// same schema, same pragmas, same transactions. Prints rows per second of both and their ratio (target: 0.5 or more).
//   npm run build && node bench/trading/sample.mjs [orders] [rounds]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '../../dist/core/sqlite/connection.js';
import { normalProfile } from '../../dist/core/sqlite/pragma-profile.js';
import { generateSample } from '../../dist/core/trading/market/generator.js';
import { insertSql, sampleTables } from '../../dist/core/trading/market/row-sink.js';
import { applyReferenceSchema } from '../../dist/core/trading/reference-schema.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';

const orders = Number(process.argv[2] ?? 20_000);
const rounds = Number(process.argv[3] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const ports = { clock: systemClock, random: systemRandom };
const quiet = () => {};
const context = {
  clock: systemClock,
  signal: new AbortController().signal,
  progress: { start: () => ({ advance: quiet, total: quiet, done: quiet }) },
};
const options = { orders, instruments: 50, days: 60, mix: 'oms', seed: 1 };

function fresh(name) {
  const path = join(folder, name);
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  const connection = createDatabase(path, normalProfile, ports);
  applyReferenceSchema(connection);
  connection.pragma('foreign_keys = 0');
  connection.pragma('cache_size = -131072');
  return connection;
}

/** The batches of a run, kept in memory. */
async function captured() {
  const batches = [];
  const connection = fresh('capture.db');
  await generateSample(connection, { ...options, sink: { write: (batch) => batches.push(batch) } }, context);
  connection.close();
  return batches;
}

async function timed(name, work) {
  const connection = fresh(name);
  const started = performance.now();
  const rows = await work(connection);
  connection.pragma('wal_checkpoint(TRUNCATE)');
  const seconds = (performance.now() - started) / 1000;
  connection.close();
  return rows / seconds;
}

function bareLoop(connection, batches) {
  let rows = 0;
  const statements = Object.keys(sampleTables).map((table) => [table, connection.prepare(insertSql(table))]);
  for (const batch of batches) {
    connection.exec('BEGIN IMMEDIATE');
    for (const [table, statement] of statements) {
      for (const row of batch[table]) statement.run(row);
      rows += batch[table].length;
    }
    connection.exec('COMMIT');
  }
  return rows;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

try {
  const batches = await captured();
  const pairs = [];
  for (let round = 0; round < rounds; round++) {
    const generator = await timed(
      'generator.db',
      async (connection) => (await generateSample(connection, options, context)).rows,
    );
    const bare = await timed('bare.db', (connection) => bareLoop(connection, batches));
    pairs.push({ generator, bare, ratio: generator / bare });
    console.log(
      `round ${round + 1}: generator ${Math.round(generator)} rows/s, bare loop ${Math.round(bare)} rows/s, ratio ${(generator / bare).toFixed(2)}`,
    );
  }
  console.log(
    `median ratio ${median(pairs.map((pair) => pair.ratio)).toFixed(2)} over ${rounds} rounds, ${orders} orders`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
