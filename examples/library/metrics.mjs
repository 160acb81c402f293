import { LatencyRecorder, openTradingDatabase } from 'tradedb';

const latency = new LatencyRecorder();
const db = openTradingDatabase(process.argv[2] ?? 'engine.db', {
  create: true,
  checkpoint: { idle: '5ms', minCommits: 100 },
  hooks: [
    latency,
    { onCheckpoint: ({ mode, busy, logFrames }) => console.log('checkpoint', mode, busy, logFrames > 0) },
  ],
});
db.tx((t) => t.exec('CREATE TABLE quotes (id INTEGER PRIMARY KEY, bid INTEGER, ask INTEGER)'));
for (let n = 0; n < 500; n++) {
  db.tx((t) => t.run('INSERT INTO quotes (bid, ask) VALUES (?, ?)', [n, n + 1]), { name: 'quote' });
}

const histogram = latency.service.get('quote');
console.log(histogram.count, 'quotes', histogram.percentileNs(50) <= histogram.percentileNs(99));
console.log(db.metrics().transactions);

// No commit for 5 ms: the WAL is moved into the file now, not inside somebody's COMMIT.
await new Promise((resolve) => setTimeout(resolve, 100));
const { journalMode, synchronous, walAutocheckpointPages } = db.effectivePragmas();
console.log(journalMode, synchronous, walAutocheckpointPages);

await db.close();
