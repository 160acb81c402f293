import { type Rule, sumDiffers } from './rule.ts';

/** Rules that tie positions to fills and to what corporate events did. */

const pairsOfAll = `
  (SELECT account_id, instrument_id FROM positions UNION SELECT account_id, instrument_id FROM fills
   UNION SELECT account_id, instrument_id FROM position_adjustments)`;

/** Compares a value of the position with the sum over its fills and adjustments. */
const positionIs = (value: string, ofFill: string, ofAdjustment: string) => (isExact: boolean) =>
  `
  SELECT 'position ' || k.account_id || '/' || k.instrument_id AS subject, k.account_id || '/' || k.instrument_id AS pair,
         k.account_id, k.instrument_id
  FROM ${pairsOfAll} k LEFT JOIN positions p USING (account_id, instrument_id)
  WHERE (SELECT ${sumDiffers('term', `coalesce(${value}, 0)`, isExact)}
         FROM (SELECT ${ofFill} AS term FROM fills f
               WHERE f.account_id = k.account_id AND f.instrument_id = k.instrument_id AND f.busted = 0
               UNION ALL
               SELECT ${ofAdjustment} FROM position_adjustments a
               WHERE a.account_id = k.account_id AND a.instrument_id = k.instrument_id))`;

const quantity = positionIs('p.qty', 'f.side * f.qty', 'a.qty_delta');
const cost = positionIs('p.cost - p.realized', 'f.side * f.notional', 'a.cost_delta');
const realized = positionIs('p.realized', 'f.realized', '0');
const tables = ['positions', 'fills', 'position_adjustments'];

export const positionRules: readonly Rule[] = [
  {
    id: 'I11',
    tier: 'daily',
    severity: 'critical',
    sentence: 'a position is the signed sum of its fills and adjustments',
    tables,
    after: ['I01', 'I04', 'I06', 'I18', 'I32'],
    sql: quantity(false),
    exactSql: quantity(true),
  },
  {
    id: 'I29',
    tier: 'daily',
    severity: 'critical',
    sentence: 'cost less realized profit is the signed sum of notionals',
    tables,
    after: ['I02', 'I04', 'I11', 'I18', 'I19', 'I32'],
    sql: cost(false),
    exactSql: cost(true),
  },
  {
    id: 'I30',
    tier: 'daily',
    severity: 'critical',
    sentence: "realized profit is the sum of the fills' realized profit",
    tables,
    after: ['I32'],
    sql: realized(false),
    exactSql: realized(true),
  },
  {
    id: 'I12',
    tier: 'quick',
    severity: 'critical',
    sentence: 'a flat position has no cost',
    tables: ['positions'],
    after: ['I11'],
    sql: `
      SELECT 'position ' || account_id || '/' || instrument_id AS subject, account_id || '/' || instrument_id AS pair
      FROM positions WHERE qty = 0 AND cost <> 0`,
  },
];
