import type { Rule } from './rule.ts';

/** Rules about references, times and market data. */

/** Instruments of a market table that do not exist, found by jumping from one instrument to the next in its key. */
const strangers = (table: string) => `
  SELECT '${table} of instrument ' || i AS subject, NULL AS fill_id, i AS instrument_id FROM (
    WITH RECURSIVE each(i) AS (
      SELECT min(instrument_id) FROM ${table}
      UNION ALL SELECT (SELECT min(instrument_id) FROM ${table} WHERE instrument_id > i) FROM each WHERE i IS NOT NULL)
    SELECT i FROM each WHERE i IS NOT NULL AND i NOT IN (SELECT instrument_id FROM instruments))`;

export const marketRules: readonly Rule[] = [
  {
    id: 'I26',
    tier: 'daily',
    severity: 'warning',
    sentence: 'no row points to a missing row',
    tables: ['instruments', 'ticks', 'candles', 'quotes'],
    after: [],
    sql: `
      SELECT c."table" || coalesce(' ' || c.rowid, '') || ' points to missing ' || c.parent AS subject,
             iif(c."table" = 'fills', c.rowid, NULL) AS fill_id, NULL AS instrument_id FROM pragma_foreign_key_check c
      UNION ALL ${strangers('ticks')} UNION ALL ${strangers('candles')} UNION ALL ${strangers('quotes')}`,
  },
  {
    id: 'I25',
    tier: 'quick',
    severity: 'warning',
    sentence: 'no time lies in the future',
    tables: ['orders', 'fills', 'ticks', 'quotes', 'accounts', 'instruments'],
    after: [],
    // By account and instrument, because that is how the keys begin: nothing is scanned.
    sql: `
      SELECT 'order ' || o.order_id AS subject, o.order_id, NULL AS fill_id, NULL AS instrument_id
      FROM accounts a CROSS JOIN orders o ON o.account_id = a.account_id AND o.created_us > :now_us + :tol_us
      UNION ALL
      SELECT 'fill ' || fill_id, order_id, fill_id, NULL FROM fills WHERE exec_us > :now_us + :tol_us
      UNION ALL
      SELECT 'tick of instrument ' || t.instrument_id || ' at ' || t.ts_us, NULL, NULL, t.instrument_id
      FROM instruments i CROSS JOIN ticks t ON t.instrument_id = i.instrument_id AND t.ts_us > :now_us + :tol_us
      UNION ALL
      SELECT 'quote of instrument ' || q.instrument_id || ' at ' || q.ts_us, NULL, NULL, q.instrument_id
      FROM instruments i CROSS JOIN quotes q ON q.instrument_id = i.instrument_id AND q.ts_us > :now_us + :tol_us`,
  },
  {
    id: 'I27',
    tier: 'quick',
    severity: 'warning',
    sentence: 'no open order is without an event for too long',
    tables: ['orders'],
    after: ['I09'],
    sql: `
      SELECT 'order ' || order_id AS subject, order_id FROM orders
      WHERE is_open = 1 AND updated_us < :now_us - :stale_us`,
  },
  {
    id: 'I21',
    tier: 'daily',
    severity: 'warning',
    sentence: "a candle's low is its least price and its high the greatest",
    tables: ['candles'],
    after: [],
    sql: `
      SELECT 'candle ' || instrument_id || '/' || interval_s || 's at ' || open_us AS subject, instrument_id FROM candles
      WHERE low > open OR low > close OR high < open OR high < close OR low <= 0`,
  },
  {
    id: 'I23',
    tier: 'deep',
    severity: 'warning',
    sentence: 'a candle agrees with its ticks',
    tables: ['candles', 'ticks', 'instruments'],
    after: ['I21'],
    sql: `
      SELECT 'candle ' || c.instrument_id || '/' || c.interval_s || 's at ' || c.open_us AS subject, c.instrument_id
      FROM (SELECT instrument_id, (SELECT min(ts_us) FROM ticks t WHERE t.instrument_id = i.instrument_id) AS first_us,
                   (SELECT max(ts_us) FROM ticks t WHERE t.instrument_id = i.instrument_id) AS last_us
            FROM instruments i) k
      CROSS JOIN candles c ON c.instrument_id = k.instrument_id AND c.closed = 1 AND c.open_us >= k.first_us
        AND c.open_us + c.interval_s * 1000000 <= k.last_us
      WHERE (c.low, c.high, c.volume) IS NOT (
        SELECT min(price), max(price), sum(qty) FROM ticks t WHERE t.instrument_id = c.instrument_id
          AND t.ts_us >= c.open_us AND t.ts_us < c.open_us + c.interval_s * 1000000)`,
  },
  {
    id: 'I22',
    tier: 'daily',
    severity: 'warning',
    sentence: 'candles have no gap',
    tables: ['candles', 'instruments', 'venues', 'trading_sessions'],
    after: [],
    sql: `
      SELECT 'candle ' || c.instrument_id || '/' || c.interval_s || 's at ' || c.open_us AS subject, c.instrument_id
      FROM (SELECT instrument_id, interval_s, open_us,
                   (SELECT max(e.open_us) FROM candles e WHERE e.instrument_id = g.instrument_id
                      AND e.interval_s = g.interval_s AND e.open_us < g.open_us) AS previous_us
            FROM candles g
            WHERE NOT EXISTS (SELECT 1 FROM candles b WHERE b.instrument_id = g.instrument_id
                                AND b.interval_s = g.interval_s AND b.open_us = g.open_us - g.interval_s * 1000000)) c
      JOIN instruments i USING (instrument_id) JOIN venues v USING (venue_id)
      WHERE c.open_us - c.previous_us > c.interval_s * 1000000
        AND (v.continuous = 1 OR c.open_us < (SELECT s.close_us FROM trading_sessions s WHERE s.venue_id = v.venue_id
                                              AND s.open_us <= c.previous_us ORDER BY s.open_us DESC LIMIT 1))`,
  },
  {
    id: 'I24',
    tier: 'daily',
    severity: 'warning',
    sentence: 'no quote is crossed or locked',
    tables: ['quotes'],
    after: [],
    sql: `
      SELECT iif(bid_px = ask_px, 'locked', 'crossed') || ' quote of instrument ' || instrument_id || ' at ' || ts_us AS subject,
             instrument_id FROM quotes WHERE bid_px >= ask_px`,
  },
];
