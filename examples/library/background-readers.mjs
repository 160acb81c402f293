import { openTradingDatabase } from 'tradedb';

const db = openTradingDatabase(process.argv[2] ?? 'engine.db', { create: true, backgroundReaders: { size: 2 } });
db.tx((t) => {
  t.exec('CREATE TABLE ticks (id INTEGER PRIMARY KEY, symbol TEXT, cents INTEGER)');
  for (let n = 0; n < 20_000; n++) t.run('INSERT INTO ticks (symbol, cents) VALUES (?, ?)', [`S${n % 10}`, n]);
});

// Long scans run in worker threads with connections of their own; this thread goes on trading.
const report = db.background.all('SELECT symbol, count(*) AS n, max(cents) AS high FROM ticks GROUP BY symbol');
db.tx((t) => t.run("INSERT INTO ticks (symbol, cents) VALUES ('S0', 1)"));
console.log((await report).length, 'symbols');

// Rows can be taken as they arrive, in batches of up to 1000, without keeping all of them.
let rows = 0;
await db.background.batches('SELECT * FROM ticks', [], { deadlineMs: 30_000 }, (_columns, batch) => {
  rows += batch.length;
});
console.log(rows, 'rows');

// Nothing can stop a running statement inside a process. One that may run away gets a process that can be killed.
const endless = 'WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n';
try {
  await db.background.all(endless, [], { deadlineMs: 300, isolation: 'process' });
} catch (error) {
  console.log(error.code);
}

await db.close();
