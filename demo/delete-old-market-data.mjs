import { openTradingDatabase } from '../dist/index.js';

/** Tables of market data with their time column and key. */
const tables = [
  { name: 'candles', time: 'open_us', key: 'instrument_id, interval_s, open_us' },
  { name: 'quotes', time: 'ts_us', key: 'instrument_id, ts_us, seq' },
];

/** Deletes the older half of the market data in batches, as a retention job would. Gives the number of rows. */
export function deleteOldMarketData(path) {
  const db = openTradingDatabase(path);
  try {
    return tables.reduce((sum, table) => sum + deleteOlderHalf(db, table), 0);
  } finally {
    db.close();
  }
}

function deleteOlderHalf(db, { name, time, key }) {
  const rows = db.read((r) => r.value(`SELECT count(*) FROM ${name}`));
  const cutoff = db.read((r) =>
    r.value(`SELECT ${time} FROM ${name} ORDER BY ${time} LIMIT 1 OFFSET ?`, [Math.floor(rows / 2)]),
  );
  const batch = `DELETE FROM ${name} WHERE (${key}) IN (SELECT ${key} FROM ${name} WHERE ${time} < ? LIMIT 5000)`;
  for (let deleted = 0; ; ) {
    const { changes } = db.tx((t) => t.run(batch, [cutoff]));
    deleted += changes;
    if (changes === 0) return deleted;
  }
}
