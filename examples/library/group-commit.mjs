import { openTradingDatabase } from 'tradedb';

const db = openTradingDatabase(process.argv[2] ?? 'engine.db', {
  create: true,
  durability: 'full',
  groupCommit: { maxOperations: 100, maxDelay: '2ms' },
});
db.tx((t) => t.exec('CREATE TABLE fills (venue_id TEXT PRIMARY KEY, qty INTEGER NOT NULL)'));

// 50 operations, one fsync. Each promise resolves after the COMMIT that made it durable.
const fills = Array.from({ length: 50 }, (_, n) =>
  db.enqueue((t) => t.run('INSERT INTO fills VALUES (?, ?)', [`trade-${n % 49}`, n]).changes),
);
const outcomes = await Promise.allSettled(fills);

// The repeated trade id failed alone; the others of its group are in.
const rejected = outcomes.filter(({ status }) => status === 'rejected');
console.log('rejected', rejected.length, rejected[0].reason.code);
console.log('rows', db.query('SELECT count(*) FROM fills').value(), 'commits', db.metrics().groups.groups);

await db.close();
