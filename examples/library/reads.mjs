import { openTradingDatabase } from 'tradedb';

const db = openTradingDatabase(process.argv[2] ?? 'engine.db', { create: true, readMaxAge: '1s' });
db.tx((t) => {
  t.exec('CREATE TABLE trades (id INTEGER PRIMARY KEY, symbol TEXT, qty INTEGER, cents INTEGER)');
  for (let n = 0; n < 1000; n++) {
    t.run('INSERT INTO trades (symbol, qty, cents) VALUES (?, ?, ?)', [n % 2 ? 'AAPL' : 'MSFT', n, n * n]);
  }
});

// One snapshot for all queries inside, and twice as fast as the same point reads one by one.
const total = db.read((r) => {
  let cents = 0;
  for (let id = 1; id <= 200; id++) cents += r.value('SELECT cents FROM trades WHERE id = ?', [id]);
  return cents;
});
console.log('200 point reads', total);

// A result that costs more than a few microseconds can be kept until the next commit, of whatever process.
const volume = db.query('SELECT sum(qty) AS qty FROM trades WHERE symbol = ?', { cache: true });
console.log(volume.value(['AAPL']), volume.value(['AAPL']));
db.tx((t) => t.run("INSERT INTO trades (symbol, qty, cents) VALUES ('AAPL', 5, 5)"));
console.log(volume.value(['AAPL']));

const { hits, misses } = db.metrics().resultCache;
console.log('hits', hits, 'misses', misses);

await db.close();
