// One of several processes that write into the same database: each row has the name of its writer and a number.
// argv: database, name, transactions. Waits for a message, then writes, then reports what was acknowledged.
import { openTradingDatabase } from '../../dist/index.js';

const [path = '', name = '', transactions = ''] = process.argv.slice(2);
const database = openTradingDatabase(path, { durability: 'normal', busyTimeout: '30s' });
process.send?.('ready');
process.once('message', () => {
  const acknowledged = [];
  for (let n = 0; n < Number(transactions); n++) {
    acknowledged.push(
      database.tx((t) => {
        const total = t.value('SELECT count(*) FROM fills');
        t.run('INSERT INTO fills (note, qty) VALUES (?, ?)', [`${name}-${n}`, total ?? 0]);
        return `${name}-${n}`;
      }),
    );
  }
  const { retries } = database.metrics().transactions;
  database.close();
  process.send?.({ acknowledged, retries }, () => process.disconnect());
});
