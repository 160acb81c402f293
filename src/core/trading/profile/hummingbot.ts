import { filledByFills } from './grouped.ts';
import { hummingbotRules } from './hummingbot-rules.ts';
import type { HasColumn, Profile } from './profile.ts';

/** Numbers are whole already (millionths, or units in old files): comparisons on the views are exact. */
export const hummingbot: Profile = {
  name: 'hummingbot',
  tables: ['order', 'tradefill', 'orderstatus'],
  applies: ['I25', 'I18', 'I04', 'I03', 'I05', 'I06', 'I10', 'I01', 'I27'],
  views,
  sql: {
    I01: filledByFills,
    I06: `
      SELECT 'fill ' || f.fill_id AS subject, f.fill_id AS fill_id, f.order_id AS order_id
      FROM (SELECT order_id, min(event_us) AS ended_us FROM order_events
            WHERE to_status IN ('CANCELED', 'REJECTED', 'EXPIRED') GROUP BY order_id) e
      JOIN fills f ON f.order_id = e.order_id WHERE f.exec_us > e.ended_us + :fill_tol_us`,
    I10: `
      SELECT 'order ' || order_id || ' event ' || seq AS subject, order_id
      FROM (SELECT order_id, seq, event_us, lag(event_us) OVER (PARTITION BY order_id ORDER BY seq) AS before_us FROM order_events)
      WHERE event_us < before_us`,
  },
  confirm: {},
  rules: hummingbotRules,
};

/** What a status of Hummingbot is in the words of the reference schema. */
const status = (column: string): string => `
  CASE ${column} WHEN 'BuyOrderCreated' THEN 'NEW' WHEN 'SellOrderCreated' THEN 'NEW' WHEN 'OrderFilled' THEN 'PARTIALLY_FILLED'
    WHEN 'BuyOrderCompleted' THEN 'FILLED' WHEN 'SellOrderCompleted' THEN 'FILLED' WHEN 'OrderCancelled' THEN 'CANCELED'
    WHEN 'OrderExpired' THEN 'EXPIRED' WHEN 'OrderFailure' THEN 'REJECTED' END`;

const side = (first: string, else_: string): string =>
  `CASE WHEN ${first} LIKE 'Buy%' THEN 1 WHEN ${first} LIKE 'Sell%' THEN -1 ELSE ${else_} END`;

/** Fills were cut to millionths, so those of a completed order may lack one each. */
function views(_has: HasColumn): Record<string, string> {
  const account = (alias: string): string => `coalesce(${alias}.config_file_path, '') || ' ' || ${alias}.market`;
  const traded = (alias: string): string => `CASE ${alias}.trade_type WHEN 'BUY' THEN 1 WHEN 'SELL' THEN -1 END`;
  const created = `(SELECT s.status FROM main.OrderStatus s WHERE s.order_id = o.id AND s.status LIKE '%OrderCreated' LIMIT 1)`;
  const final = "('BuyOrderCompleted', 'SellOrderCompleted', 'OrderCancelled', 'OrderExpired', 'OrderFailure')";
  return {
    accounts: `SELECT DISTINCT ${account('o')} AS account_id FROM main."Order" o`,
    instruments: 'SELECT DISTINCT symbol AS instrument_id FROM main."Order"',
    ticks: 'SELECT 0 AS instrument_id, 0 AS ts_us WHERE 0',
    quotes: 'SELECT 0 AS instrument_id, 0 AS ts_us WHERE 0',
    orders: `
      SELECT o.id AS order_id, ${account('o')} AS account_id, o.symbol AS instrument_id, ${side(created, 'n.side')} AS side,
             CASE WHEN o.order_type IN ('LIMIT', 'LIMIT_MAKER') AND o.price > 0 THEN 'limit' ELSE 'market' END AS type,
             o.price AS price, o.amount AS qty,
             CASE WHEN o.last_status IN ('BuyOrderCompleted', 'SellOrderCompleted') AND abs(coalesce(n.amount, 0) - o.amount) > n.fills
                  THEN o.amount ELSE coalesce(n.amount, 0) END AS filled_qty,
             o.last_status NOT IN ${final} AS is_open,
             o.creation_timestamp * 1000 AS created_us, o.last_update_timestamp * 1000 AS updated_us
      FROM main."Order" o LEFT JOIN (
        SELECT t.order_id AS order_id, count(*) AS fills, sum(t.amount) AS amount, max(${traded('t')}) AS side
        FROM main.TradeFill t GROUP BY t.order_id) n ON n.order_id = o.id`,
    fills: `
      SELECT f.exchange_trade_id AS fill_id, f.order_id AS order_id, ${account('f')} AS account_id, f.symbol AS instrument_id,
             f.exchange_trade_id AS venue_trade_id, ${traded('f')} AS side, f.price AS price, f.amount AS qty,
             f.timestamp * 1000 AS exec_us, 0 AS busted
      FROM main.TradeFill f`,
    // For I06 and I10, which have a form of their own.
    order_events: `
      SELECT s.id AS seq, s.order_id AS order_id, ${status('s.status')} AS to_status, s.timestamp * 1000 AS event_us
      FROM main.OrderStatus s`,
  };
}
