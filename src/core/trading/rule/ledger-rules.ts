import { type Rule, sumDiffers } from './rule.ts';

/** Rules of the double-entry ledger. */

const unbalanced = (isExact: boolean) => `
  SELECT 'entry ' || p.journal_id AS subject, p.journal_id FROM postings p JOIN ledger_accounts l USING (ledger_account_id)
  GROUP BY p.journal_id, l.asset_id HAVING ${sumDiffers('p.amount', '0', isExact)}`;

const wrongBalance = (isExact: boolean) => `
  SELECT 'ledger account ' || l.ledger_account_id AS subject, l.ledger_account_id, l.account_id
  FROM ledger_accounts l LEFT JOIN balances b USING (ledger_account_id)
  WHERE (SELECT ${sumDiffers('p.amount', 'coalesce(b.amount, 0)', isExact)} FROM postings p
         WHERE p.ledger_account_id = l.ledger_account_id)`;

const fillColumns = `f.fill_id, f.order_id, f.account_id || '/' || f.instrument_id AS pair, f.account_id`;

export const ledgerRules: readonly Rule[] = [
  {
    id: 'I17',
    tier: 'daily',
    severity: 'critical',
    sentence: 'every fill is booked once',
    tables: ['fills', 'journal'],
    after: ['I18', 'I06'],
    sql: `
      SELECT 'fill ' || f.fill_id AS subject, ${fillColumns} FROM fills f
      WHERE f.busted = 0 AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.fill_id = f.fill_id AND j.kind = 'fill')`,
  },
  {
    id: 'I32',
    tier: 'daily',
    severity: 'critical',
    sentence: 'a busted fill has its reversal, and no other fill has one',
    tables: ['fills', 'journal'],
    after: [],
    sql: `
      SELECT 'fill ' || f.fill_id AS subject, ${fillColumns} FROM fills f
      WHERE (f.busted = 1) <> EXISTS (SELECT 1 FROM journal j WHERE j.fill_id = f.fill_id AND j.kind = 'bust')`,
  },
  {
    id: 'I14',
    tier: 'daily',
    severity: 'critical',
    sentence: 'an entry has two lines or more',
    tables: ['journal', 'postings'],
    after: [],
    sql: `
      SELECT 'entry ' || j.journal_id AS subject, j.journal_id, f.account_id FROM journal j LEFT JOIN fills f USING (fill_id)
      WHERE (SELECT count(*) FROM postings p WHERE p.journal_id = j.journal_id) < 2`,
  },
  {
    id: 'I13',
    tier: 'daily',
    severity: 'critical',
    sentence: 'an entry balances in each asset',
    tables: ['postings', 'ledger_accounts'],
    after: ['I14'],
    sql: unbalanced(false),
    exactSql: unbalanced(true),
  },
  {
    id: 'I31',
    tier: 'daily',
    severity: 'critical',
    sentence: 'a funding payment is booked once, with its amount',
    tables: ['funding_payments', 'journal', 'postings', 'ledger_accounts'],
    after: ['I14'],
    sql: `
      SELECT 'funding ' || f.funding_id AS subject, f.account_id,
             (SELECT journal_id FROM journal j WHERE j.funding_id = f.funding_id) AS journal_id
      FROM funding_payments f
      WHERE f.amount IS NOT (SELECT sum(p.amount) FROM journal j JOIN postings p USING (journal_id)
                             JOIN ledger_accounts l USING (ledger_account_id)
                             WHERE j.funding_id = f.funding_id AND l.kind = 'cash' AND l.asset_id = f.asset_id
                               AND l.account_id = f.account_id)`,
  },
  {
    id: 'I15',
    tier: 'daily',
    severity: 'critical',
    sentence: 'a balance is the sum of its postings',
    tables: ['balances', 'postings', 'ledger_accounts'],
    after: ['I13', 'I14', 'I17', 'I31'],
    sql: wrongBalance(false),
    exactSql: wrongBalance(true),
  },
  {
    id: 'I16',
    tier: 'quick',
    severity: 'critical',
    sentence: 'cash is never below zero, and no more is held than there is',
    tables: ['balances', 'ledger_accounts'],
    after: ['I15'],
    sql: `
      SELECT 'ledger account ' || ledger_account_id AS subject, ledger_account_id, l.account_id
      FROM balances b JOIN ledger_accounts l USING (ledger_account_id)
      WHERE l.allow_negative = 0 AND (b.amount < 0 OR b.held > b.amount)`,
  },
];
