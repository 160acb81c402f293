import { divideHalfEven, powerOfTen } from '../decimal.ts';
import { type Offender, type Rule, sumDiffers } from './rule.ts';

/** Rules about orders, their events and their fills. */

const fillColumns = `f.fill_id, f.order_id, f.account_id || '/' || f.instrument_id AS pair, f.account_id`;

const sumOfFills = (term: string, column: string) => (isExact: boolean) =>
  `
  SELECT 'order ' || o.order_id AS subject, o.order_id, o.account_id || '/' || o.instrument_id AS pair, o.account_id
  FROM orders o
  WHERE (SELECT ${sumDiffers(term, `o.${column}`, isExact)} FROM fills f WHERE f.order_id = o.order_id AND f.busted = 0)`;

const quantity = sumOfFills('f.qty', 'filled_qty');
const notional = sumOfFills('f.notional', 'filled_notional');

export const orderRules: readonly Rule[] = [
  {
    id: 'I18',
    tier: 'daily',
    severity: 'critical',
    sentence: 'a venue trade id belongs to one order per account, instrument and side',
    tables: ['fills'],
    after: [],
    sql: `
      SELECT 'fill ' || f.fill_id || ' (trade ' || f.venue_trade_id || ')' AS subject, ${fillColumns}
      FROM (SELECT account_id, instrument_id, venue_trade_id, side FROM fills WHERE busted = 0
            GROUP BY account_id, instrument_id, venue_trade_id, side HAVING count(*) > 1) g
      JOIN fills f USING (account_id, instrument_id, venue_trade_id, side) WHERE f.busted = 0`,
  },
  {
    id: 'I04',
    tier: 'daily',
    severity: 'critical',
    sentence: "a fill repeats its order's account, instrument and side",
    tables: ['fills', 'orders'],
    after: ['I26'],
    sql: `
      SELECT 'fill ' || f.fill_id AS subject, ${fillColumns} FROM fills f JOIN orders o USING (order_id)
      WHERE f.account_id <> o.account_id OR f.instrument_id <> o.instrument_id OR f.side <> o.side`,
  },
  {
    id: 'I19',
    tier: 'daily',
    severity: 'critical',
    sentence: 'notional is price x quantity within a unit',
    tables: ['fills', 'instruments', 'assets'],
    after: ['I26'],
    // Doubles only filter: what they suspect is computed again exactly.
    sql: `
      SELECT 'fill ' || f.fill_id AS subject, ${fillColumns}, f.price, f.qty, f.notional, f.synthetic,
             i.contract_size, a.scale - i.price_scale - i.qty_scale - i.contract_scale AS shift
      FROM fills f JOIN instruments i USING (instrument_id) JOIN assets a ON a.asset_id = i.quote_asset_id
      WHERE abs(CAST(f.price AS REAL) * f.qty * i.contract_size
                * pow(10.0, a.scale - i.price_scale - i.qty_scale - i.contract_scale) - f.notional) > 1 + f.notional * 1e-12`,
    confirm: isNotionalWrong,
  },
  {
    id: 'I20',
    tier: 'daily',
    severity: 'warning',
    sentence: 'fills are whole ticks and whole lots',
    tables: ['fills', 'instruments'],
    after: ['I19'],
    sql: `
      SELECT 'fill ' || f.fill_id AS subject, ${fillColumns} FROM fills f JOIN instruments i USING (instrument_id)
      WHERE (f.synthetic = 0 AND f.price % i.tick_size <> 0) OR f.qty % i.lot_size <> 0`,
  },
  {
    id: 'I03',
    tier: 'daily',
    severity: 'critical',
    sentence: 'no fill is worse than the limit of its order',
    tables: ['fills', 'orders'],
    after: ['I18', 'I19'],
    sql: `
      SELECT 'fill ' || f.fill_id AS subject, ${fillColumns} FROM fills f JOIN orders o USING (order_id)
      WHERE o.type IN ('limit', 'stop_limit') AND f.busted = 0 AND (f.price - o.price) * o.side > 0`,
  },
  {
    id: 'I05',
    tier: 'daily',
    severity: 'warning',
    sentence: 'no fill comes before its order',
    tables: ['fills', 'orders'],
    after: ['I25'],
    sql: `
      SELECT 'fill ' || f.fill_id AS subject, ${fillColumns} FROM fills f JOIN orders o USING (order_id)
      WHERE f.busted = 0 AND f.exec_us < o.created_us`,
  },
  {
    id: 'I06',
    tier: 'daily',
    severity: 'warning',
    sentence: 'no fill comes after cancel, reject or expiry, beyond the tolerance',
    tables: ['fills', 'order_events'],
    after: ['I18', 'I25'],
    sql: `
      SELECT 'fill ' || f.fill_id AS subject, ${fillColumns} FROM fills f
      WHERE f.busted = 0 AND EXISTS (
        SELECT 1 FROM order_events e WHERE e.order_id = f.order_id AND e.to_status IN ('CANCELED', 'REJECTED', 'EXPIRED')
          AND f.exec_us > e.event_us + :fill_tol_us)`,
  },
  {
    id: 'I08',
    tier: 'daily',
    severity: 'warning',
    sentence: 'events are numbered 1 to n and each starts where the last one ended',
    tables: ['order_events'],
    after: [],
    // A join on the key costs a third of a window function over the same rows.
    sql: `
      SELECT 'order ' || e.order_id || ' event ' || e.seq AS subject, e.order_id
      FROM order_events e LEFT JOIN order_events p ON p.order_id = e.order_id AND p.seq = e.seq - 1
      WHERE CASE WHEN e.seq = 1 THEN e.from_status IS NOT NULL
                 ELSE p.seq IS NULL OR e.from_status IS NOT p.to_status END`,
  },
  {
    id: 'I07',
    tier: 'daily',
    severity: 'warning',
    sentence: 'every change of status is a legal one',
    tables: ['order_events', 'order_status_edges'],
    after: ['I08'],
    sql: `
      SELECT 'order ' || e.order_id || ' event ' || e.seq AS subject, e.order_id FROM order_events e
      WHERE NOT EXISTS (SELECT 1 FROM order_status_edges g
                        WHERE g.from_status = coalesce(e.from_status, '') AND g.to_status = e.to_status)`,
  },
  {
    id: 'I10',
    tier: 'daily',
    severity: 'warning',
    sentence: 'event times never fall, and filled quantity falls only by a bust or correction',
    tables: ['order_events'],
    after: ['I08', 'I25'],
    sql: `
      SELECT 'order ' || e.order_id || ' event ' || e.seq AS subject, e.order_id
      FROM order_events e JOIN order_events p ON p.order_id = e.order_id AND p.seq = e.seq - 1
      WHERE e.event_us < p.event_us
         OR (e.cum_qty < p.cum_qty AND e.exec_type NOT IN ('TRADE_CANCEL', 'TRADE_CORRECT'))`,
  },
  {
    id: 'I09',
    tier: 'daily',
    severity: 'warning',
    sentence: 'an order is what its last event says',
    tables: ['orders', 'order_events'],
    after: ['I08'],
    sql: `
      SELECT 'order ' || o.order_id AS subject, o.order_id, o.account_id || '/' || o.instrument_id AS pair
      FROM orders o LEFT JOIN order_events e
        ON e.order_id = o.order_id AND e.seq = (SELECT max(seq) FROM order_events l WHERE l.order_id = o.order_id)
      WHERE o.status IS NOT e.to_status OR o.filled_qty IS NOT e.cum_qty`,
  },
  {
    id: 'I01',
    tier: 'daily',
    severity: 'critical',
    sentence: 'filled quantity is the sum of the fills',
    tables: ['orders', 'fills'],
    after: ['I18', 'I19', 'I06', 'I32'],
    sql: quantity(false),
    exactSql: quantity(true),
  },
  {
    id: 'I02',
    tier: 'daily',
    severity: 'critical',
    sentence: "filled notional is the sum of the fills' notional",
    tables: ['orders', 'fills'],
    after: ['I01', 'I19', 'I32'],
    sql: notional(false),
    exactSql: notional(true),
  },
];

/** Exact test of a suspected fill; a synthetic one carries an average price, so half a price unit is allowed. */
function isNotionalWrong(row: Offender & Readonly<Record<string, unknown>>): boolean {
  const integer = (name: string): bigint => BigInt(row[name] as number | bigint);
  const shift = Number(row.shift);
  const scaled = (value: bigint): bigint =>
    shift >= 0 ? value * powerOfTen(shift) : divideHalfEven(value, powerOfTen(-shift));
  const units = integer('qty') * integer('contract_size');
  const difference = scaled(integer('price') * units) - integer('notional');
  const allowed = 1n + (Number(row.synthetic) === 1 ? (scaled(units) + 1n) / 2n : 0n);
  return difference > allowed || -difference > allowed;
}
