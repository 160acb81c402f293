import type { HasColumn, Profile } from './profile.ts';
import { vnpyRules } from './vnpy-rules.ts';

/** Times are local in a zone that the file does not name: what is in the future even 14 hours west of them is so everywhere. */
const us = (column: string): string => `((unixepoch(substr(${column}, 1, 19)) - 50400) * 1000000)`;

/** Prices stay REAL in the views: rules compare those of one row, which is exact. */
export const vnpy: Profile = {
  name: 'vnpy',
  tables: ['dbbardata', 'dbbaroverview'],
  applies: ['I25', 'I21', 'I24', 'I22'],
  views,
  confirm: {},
  rules: vnpyRules,
};

function views(has: HasColumn): Record<string, string> {
  const instrument = `symbol || '.' || exchange AS instrument_id`;
  const ticks = has('dbtickdata', 'bid_price_1') ? 'main.dbtickdata' : undefined;
  return {
    accounts: 'SELECT 0 AS account_id WHERE 0',
    orders: 'SELECT 0 AS order_id, 0 AS account_id, 0 AS created_us WHERE 0',
    fills: 'SELECT 0 AS fill_id, 0 AS order_id, 0 AS exec_us WHERE 0',
    instruments: `SELECT DISTINCT ${instrument} FROM ${ticks ?? 'main.dbbardata'}`,
    ticks:
      ticks === undefined
        ? 'SELECT 0 AS instrument_id, 0 AS ts_us WHERE 0'
        : `SELECT ${instrument}, ${us('datetime')} AS ts_us FROM ${ticks}`,
    // A price of 0 stands for an empty side.
    quotes:
      ticks === undefined
        ? 'SELECT 0 AS instrument_id, 0 AS ts_us, 0 AS bid_px, 0 AS ask_px WHERE 0'
        : `SELECT ${instrument}, ${us('datetime')} AS ts_us, nullif(bid_price_1, 0) AS bid_px, nullif(ask_price_1, 0) AS ask_px FROM ${ticks}`,
    candles: `
      SELECT ${instrument}, CASE interval WHEN '1m' THEN 60 WHEN '1h' THEN 3600 WHEN 'd' THEN 86400 ELSE 604800 END AS interval_s,
             ${us('datetime')} AS open_us, open_price AS open, high_price AS high, low_price AS low, close_price AS close
      FROM main.dbbardata`,
  };
}
