// Bytes of a stored candle: the reference schema beside the shapes of vn.py and crypto-trading-bot (their columns, types
// and indexes), the same one-minute bars in each, in one run. Closed files after VACUUM, page by page.
//   npm run build && node bench/trading/candle-size.mjs [bars of each of ten instruments]
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { referenceMigrations } from '../../dist/core/trading/reference-schema.js';
import { printTable } from '../beside.mjs';

const bars = Number(process.argv[2] ?? 100_000);
const instruments = 10;
const start = Date.UTC(2024, 0, 1);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));

/** A bar of a seeded walk: prices of two decimals, volumes of four. */
function* market() {
  let seed = 42;
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  for (let instrument = 1; instrument <= instruments; instrument += 1) {
    let price = 10_000 * instrument;
    for (let bar = 0; bar < bars; bar += 1) {
      const open = price;
      price = Math.max(100, price + Math.round((random() - 0.5) * 40));
      const high = Math.max(open, price) + Math.round(random() * 15);
      const low = Math.min(open, price) - Math.round(random() * 15);
      yield {
        instrument,
        ms: start + bar * 60_000,
        open,
        high,
        low,
        close: price,
        volume: 1 + Math.round(random() * 5e6),
      };
    }
  }
}

const naive = (ms) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
const symbol = (instrument) => `rb24${String(instrument).padStart(2, '0')}`;
const pair = (instrument) => `COIN${instrument}USDT`;
const candles = referenceMigrations()
  .map(({ up }) => /CREATE TABLE candles[\s\S]*?\) STRICT, WITHOUT ROWID;/.exec(up)?.[0])
  .find((sql) => sql !== undefined);

const shapes = {
  'tradedb (integers, WITHOUT ROWID)': {
    sql: candles,
    insert:
      'INSERT INTO candles (instrument_id, interval_s, open_us, open, high, low, close, volume) VALUES (?, 60, ?, ?, ?, ?, ?, ?)',
    row: (b) => [b.instrument, b.ms * 1000, b.open, b.high, b.low, b.close, b.volume],
  },
  'vn.py dbbardata': {
    sql: `CREATE TABLE dbbardata (id INTEGER NOT NULL PRIMARY KEY, symbol VARCHAR(255) NOT NULL, exchange VARCHAR(255) NOT NULL,
        datetime DATETIME NOT NULL, interval VARCHAR(255) NOT NULL, volume REAL NOT NULL, turnover REAL NOT NULL,
        open_interest REAL NOT NULL, open_price REAL NOT NULL, high_price REAL NOT NULL, low_price REAL NOT NULL,
        close_price REAL NOT NULL);
      CREATE UNIQUE INDEX dbbardata_symbol_exchange_interval_datetime ON dbbardata (symbol, exchange, interval, datetime)`,
    insert: `INSERT INTO dbbardata (symbol, exchange, datetime, interval, volume, turnover, open_interest, open_price, high_price,
        low_price, close_price) VALUES (?, 'SHFE', ?, '1m', ?, 0, 0, ?, ?, ?, ?)`,
    row: (b) => [
      symbol(b.instrument),
      naive(b.ms),
      b.volume / 1e4,
      b.open / 100,
      b.high / 100,
      b.low / 100,
      b.close / 100,
    ],
  },
  'crypto-trading-bot candlesticks': {
    sql: `CREATE TABLE candlesticks (id INTEGER PRIMARY KEY AUTOINCREMENT, exchange VARCHAR(255) NULL, symbol VARCHAR(255) NULL,
        period VARCHAR(255) NULL, time INTEGER NULL, open REAL NULL, high REAL NULL, low REAL NULL, close REAL NULL,
        volume REAL NULL);
      CREATE UNIQUE INDEX unique_candle ON candlesticks (exchange, symbol, period, time);
      CREATE INDEX time_idx ON candlesticks (time);
      CREATE INDEX exchange_symbol_idx ON candlesticks (exchange, symbol)`,
    insert: `INSERT INTO candlesticks (exchange, symbol, period, time, open, high, low, close, volume) VALUES ('binance', ?, '1m', ?, ?, ?, ?, ?, ?)`,
    row: (b) => [
      pair(b.instrument),
      b.ms / 1000,
      b.open / 100,
      b.high / 100,
      b.low / 100,
      b.close / 100,
      b.volume / 1e4,
    ],
  },
};

function bytesPerRow({ sql, insert, row }) {
  const path = join(folder, 'shape.db');
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.exec(sql);
  const statement = db.prepare(insert);
  db.transaction(() => {
    for (const bar of market()) statement.run(row(bar));
  })();
  db.exec('VACUUM');
  db.close();
  const bytes = statSync(path).size / (bars * instruments);
  rmSync(path);
  return bytes;
}

try {
  const sizes = Object.entries(shapes).map(([name, shape]) => ({ name, bytes: bytesPerRow(shape) }));
  const [ours] = sizes;
  printTable([
    ['', 'bytes a candle', 'ours of it'],
    ...sizes.map(({ name, bytes }) => [name, bytes.toFixed(1), (ours.bytes / bytes).toFixed(2)]),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
