import Database from 'better-sqlite3';
import { createTables, rowWriter } from './table.ts';
import { bars, ticks, vnpyReleases, vnpyTables } from './vnpy-schema.ts';

const minute = (n: number): string =>
  `2024-01-05 ${String(9 + Math.floor(n / 60)).padStart(2, '0')}:${String(n % 60).padStart(2, '0')}:00`;

/** A file of vn.py with `count` bars, one of them of an interval that is none, and as many ticks over several sessions. */
export function writeVnpy(path: string, count: number): void {
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  createTables(db, vnpyTables, vnpyReleases.V3);
  const [bar, tick] = [rowWriter(db, bars, vnpyReleases.V3), rowWriter(db, ticks, vnpyReleases.V3)];
  const of = { symbol: 'rb2410', exchange: 'SHFE', open_interest: 1, turnover: 10.5 };
  const prices = { open_price: 10.1, high_price: 10.3, low_price: 10, close_price: 10.2 };
  const book = Object.fromEntries(
    ['bid_price', 'bid_volume', 'ask_price', 'ask_volume'].flatMap((side) =>
      [1, 2].map((level) => [`${side}_${level}`, side.startsWith('bid') ? 10 : 11]),
    ),
  );
  const unused = { name: '', limit_up: 0, limit_down: 0, pre_close: 0 };
  for (let n = 0; n < count; n += 1) {
    bar({ ...of, ...prices, interval: n === 7 ? 'tick' : '1m', datetime: minute(n), volume: n });
    const volumes = { volume: n * 2 - (n % 3), last_volume: 1, last_price: 10.1 };
    tick({ ...of, ...unused, ...prices, ...book, ...volumes, datetime: `${minute(n)}.500000` });
  }
  db.close();
}
