import { describe, expect, test } from 'vitest';
import { explanations } from '../../../src/core/trading/rule/explain.ts';
import { tradingRules } from '../../../src/core/trading/rule/rules.ts';
import { type RuleResult, runRules } from '../../../src/core/trading/rule/run-rules.ts';
import {
  brokenRules,
  fillOrder,
  fund,
  openLimit,
  price,
  quantity,
  startUs,
  type TradingDatabase,
  tradingDatabase,
} from '../../support/trading-database.ts';

const minute = 60_000_000;
const firstMinute = Math.ceil(startUs / minute) * minute;

/** A day's work of every kind, so that no rule is silent for want of rows. Order 1 is filled in part, 2 wholly, 3 cancelled. */
function busyDatabase(): TradingDatabase {
  const db = tradingDatabase();
  fund(db);
  const part = openLimit(db, { id: 'one' });
  fillOrder(db, part, { quantity: 40, id: 't1', fee: '0.01' });
  fillOrder(db, openLimit(db, { id: 'two' }), { id: 't2' });
  db.store.cancelled(openLimit(db, { id: 'three', side: 'sell' }), db.clock.us);
  fillOrder(db, openLimit(db, { id: 'perp', instrumentId: db.perp }), { id: 't3' });
  const busted = fillOrder(db, openLimit(db, { id: 'bust', instrumentId: db.perp }), { id: 't4' });
  db.store.bust(busted, 'test');
  db.store.fund({ accountId: db.accountId, instrumentId: db.perp, dueUs: startUs, amount: '1.00' });
  const ticks = Array.from({ length: 40 }, (_, index) => ({
    instrumentId: db.spot,
    tsUs: firstMinute + index * 10_000_000 - 5_000_000,
    seq: 1,
    price: 10_000 + (index % 7) * 5,
    quantity: 10,
  }));
  db.clock.us = firstMinute + 20 * minute;
  db.store.ticks(ticks);
  db.store.buildCandles({ instrumentId: db.spot, intervalS: 60, fromUs: firstMinute, toUs: firstMinute + 5 * minute });
  db.store.quotes([
    {
      instrumentId: db.spot,
      tsUs: startUs,
      seq: 1,
      bidPrice: 9_995,
      bidQuantity: 10,
      askPrice: 10_000,
      askQuantity: 10,
    },
  ]);
  // From here on rows may be wrong.
  db.connection.exec(`
    PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1;
    DROP TRIGGER audit_next; DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;
  `);
  return db;
}

interface Defect {
  /** SQL that breaks the rule in the busy database. */
  readonly defect: string;
  /** SQL that comes close and is allowed. */
  readonly nearMiss: string;
}

const defects: Readonly<Record<string, Defect>> = {
  I26: {
    defect: 'UPDATE fills SET order_id = 999 WHERE fill_id = 1',
    nearMiss: 'UPDATE orders SET strategy_id = NULL; UPDATE ticks SET instrument_id = 2',
  },
  I25: {
    defect: `UPDATE fills SET exec_us = ${firstMinute + 20 * minute + 1_100_000} WHERE fill_id = 1`,
    nearMiss: `UPDATE fills SET exec_us = ${firstMinute + 20 * minute + 900_000} WHERE fill_id = 1`,
  },
  I18: {
    defect: "UPDATE fills SET venue_trade_id = 't1' WHERE fill_id = 2",
    nearMiss: "UPDATE fills SET venue_trade_id = 't1', side = -1 WHERE fill_id = 2",
  },
  I04: {
    defect: 'UPDATE fills SET account_id = 2 WHERE fill_id = 1',
    nearMiss: 'UPDATE orders SET account_id = 2 WHERE order_id = 3',
  },
  I19: {
    defect: 'UPDATE fills SET notional = notional + 2 WHERE fill_id = 1',
    nearMiss: 'UPDATE fills SET notional = notional + 1 WHERE fill_id = 1',
  },
  I20: {
    defect: 'UPDATE fills SET price = price + 1 WHERE fill_id = 1',
    nearMiss: 'UPDATE fills SET price = price + 1, synthetic = 1 WHERE fill_id = 1',
  },
  I03: {
    defect: 'UPDATE orders SET price = 9995 WHERE order_id = 1',
    nearMiss: 'UPDATE orders SET price = 10005 WHERE order_id = 1',
  },
  I05: {
    defect: 'UPDATE fills SET exec_us = (SELECT created_us FROM orders WHERE order_id = 1) - 1 WHERE fill_id = 1',
    nearMiss: 'UPDATE fills SET exec_us = (SELECT created_us FROM orders WHERE order_id = 1) WHERE fill_id = 1',
  },
  I06: {
    defect: `UPDATE order_events SET to_status = 'CANCELED', event_us = (SELECT exec_us FROM fills WHERE fill_id = 1) - 1000001
             WHERE order_id = 1 AND seq = 3`,
    nearMiss: `UPDATE order_events SET to_status = 'CANCELED', event_us = (SELECT exec_us FROM fills WHERE fill_id = 1) - 1000000
               WHERE order_id = 1 AND seq = 3`,
  },
  I08: {
    defect: 'UPDATE order_events SET seq = 4 WHERE order_id = 1 AND seq = 3',
    nearMiss: "UPDATE order_events SET note = 'x'",
  },
  I07: {
    defect: "UPDATE order_events SET to_status = 'SUSPENDED' WHERE order_id = 3 AND seq = 1",
    nearMiss: "UPDATE order_events SET to_status = 'EXPIRED' WHERE order_id = 3 AND seq = 3",
  },
  I10: {
    defect: 'UPDATE order_events SET cum_qty = 1 WHERE order_id = 1 AND seq = 1',
    nearMiss: "UPDATE order_events SET cum_qty = 1, exec_type = 'TRADE_CORRECT' WHERE order_id = 1 AND seq = 3",
  },
  I09: {
    defect: "UPDATE orders SET status = 'NEW' WHERE order_id = 1",
    nearMiss: "UPDATE orders SET client_order_id = 'x' WHERE order_id = 1",
  },
  I01: {
    defect: 'UPDATE fills SET qty = qty + 10 WHERE fill_id = 1',
    nearMiss: 'UPDATE fills SET qty = qty + 10 WHERE busted = 1',
  },
  I02: {
    defect: 'UPDATE orders SET filled_notional = filled_notional - 1 WHERE order_id = 1',
    nearMiss: 'UPDATE fills SET notional = notional - 1 WHERE busted = 1',
  },
  I11: {
    defect: 'UPDATE positions SET qty = qty + 1 WHERE instrument_id = 1',
    nearMiss: `INSERT INTO corporate_events (event_id, instrument_id, kind, ex_us, ratio_num, ratio_den) VALUES (1, 1, 'split', 1, 2, 1);
               INSERT INTO position_adjustments SELECT account_id, instrument_id, 1, qty, 0, 1 FROM positions WHERE instrument_id = 1;
               UPDATE positions SET qty = qty * 2 WHERE instrument_id = 1`,
  },
  I29: {
    defect: 'UPDATE positions SET cost = cost + 1 WHERE instrument_id = 1',
    nearMiss: 'UPDATE positions SET cost = cost + 1, realized = realized + 1 WHERE instrument_id = 1',
  },
  I30: {
    defect: 'UPDATE fills SET realized = 1 WHERE fill_id = 1',
    nearMiss: 'UPDATE fills SET realized = 1 WHERE busted = 1',
  },
  I12: {
    defect: 'UPDATE positions SET qty = 0 WHERE instrument_id = 1',
    nearMiss: 'UPDATE positions SET qty = 0, cost = 0 WHERE instrument_id = 1',
  },
  I14: {
    defect: 'DELETE FROM postings WHERE journal_id = 1 AND line = 2',
    nearMiss: 'DELETE FROM postings WHERE journal_id = (SELECT journal_id FROM journal WHERE fill_id = 1) AND line > 2',
  },
  I13: {
    defect: 'UPDATE postings SET amount = amount + 1 WHERE journal_id = 1 AND line = 1',
    nearMiss: 'UPDATE postings SET amount = amount * 2 WHERE journal_id = 1',
  },
  I31: {
    defect: 'UPDATE funding_payments SET amount = amount + 1',
    nearMiss: 'UPDATE funding_payments SET rate_e9 = 5',
  },
  I15: {
    defect: 'UPDATE balances SET amount = amount + 1 WHERE ledger_account_id = 2',
    nearMiss: 'UPDATE balances SET held = held + 1 WHERE ledger_account_id = 1',
  },
  I16: {
    defect: 'UPDATE balances SET held = amount + 1 WHERE ledger_account_id = 1',
    nearMiss: 'UPDATE balances SET held = amount WHERE ledger_account_id = 1',
  },
  I17: {
    defect: 'DELETE FROM journal WHERE fill_id = 1',
    nearMiss: "DELETE FROM journal WHERE fill_id IN (SELECT fill_id FROM fills WHERE busted = 1) AND kind = 'fill'",
  },
  I32: {
    defect: 'UPDATE fills SET busted = 1 WHERE fill_id = 1',
    nearMiss: 'UPDATE fills SET synthetic = 1 WHERE fill_id = 1',
  },
  I27: {
    defect: `UPDATE orders SET updated_us = ${firstMinute + 20 * minute} - 86400000001 WHERE order_id = 1`,
    nearMiss: `UPDATE orders SET updated_us = ${firstMinute + 20 * minute} - 86400000000 WHERE order_id = 1;
               UPDATE orders SET updated_us = 0 WHERE order_id = 3`,
  },
  I21: {
    defect: 'UPDATE candles SET high = low - 1 WHERE open_us = (SELECT min(open_us) FROM candles)',
    nearMiss: 'UPDATE candles SET open = low, close = high',
  },
  I23: {
    defect: `UPDATE candles SET volume = volume + 1 WHERE open_us = ${firstMinute}`,
    nearMiss: `UPDATE candles SET volume = volume + 1, closed = 0 WHERE open_us = ${firstMinute};
               DELETE FROM ticks WHERE ts_us < ${firstMinute + 2 * minute}`,
  },
  I22: {
    defect: `DELETE FROM candles WHERE open_us = ${firstMinute + minute}`,
    nearMiss: `DELETE FROM candles WHERE open_us = ${firstMinute}`,
  },
  I24: {
    defect: 'UPDATE quotes SET bid_px = 10001',
    nearMiss: 'UPDATE quotes SET bid_px = 9999',
  },
  I28: {
    defect: "UPDATE audit_log SET actor = 'somebody' WHERE seq = 3",
    nearMiss: 'DELETE FROM audit_log WHERE seq = (SELECT max(seq) FROM audit_log)',
  },
};

const resultsOf = (db: TradingDatabase): ReadonlyMap<string, RuleResult> =>
  new Map(
    runRules(db.connection, {
      nowUs: firstMinute + 20 * minute,
      tolUs: 1_000_000,
      staleUs: 86_400_000_000,
    }).map((result) => [result.id, result]),
  );

test('all rules are silent on good data', () => {
  const db = busyDatabase();
  expect(brokenRules(db)).toEqual([]);
});

test('there are 32 rules and each has its defect', () => {
  expect(tradingRules.map((rule) => rule.id).sort()).toEqual(Object.keys(defects).sort());
  expect(tradingRules).toHaveLength(32);
});

describe.each(Object.entries(defects))('%s', (id, { defect, nearMiss }) => {
  test('finds its defect', () => {
    const db = busyDatabase();
    db.connection.exec(defect);
    const result = resultsOf(db).get(id);
    expect(result?.status).toMatch(/broken|explained/);
    expect(result?.count).toBeGreaterThan(0);
    expect(result?.samples[0]).toMatch(/\d/);
  });

  test('lets a near miss pass', () => {
    const db = busyDatabase();
    const before = db.connection.value('SELECT total_changes()');
    db.connection.exec(nearMiss);
    expect(db.connection.value('SELECT total_changes()')).not.toBe(before);
    expect(resultsOf(db).get(id)?.status).toBe('ok');
  });
});

describe('audit chain', () => {
  test.each([
    ["UPDATE audit_log SET payload = '{}' WHERE seq = 4", 'audit row 4 was changed'],
    ['DELETE FROM audit_log WHERE seq = 4', 'audit row 4 is missing'],
    ['DELETE FROM audit_log WHERE seq = 1', 'audit row 1 is missing'],
    ['UPDATE audit_log SET prev_hash = zeroblob(32) WHERE seq = 4', 'audit row 4 does not follow row 3'],
    [
      `UPDATE audit_log SET seq = -seq WHERE seq IN (4, 5); UPDATE audit_log SET seq = 9 + seq WHERE seq IN (-4, -5)`,
      'audit row 4 does not follow row 3',
    ],
  ])('%s', (sql, message) => {
    const db = busyDatabase();
    db.connection.exec(sql);
    expect(resultsOf(db).get('I28')?.samples).toEqual([message]);
  });
});

describe('causes', () => {
  test('what follows from a lost journal entry is told under it', () => {
    const db = busyDatabase();
    db.connection.exec(`
      DELETE FROM postings WHERE journal_id = (SELECT journal_id FROM journal WHERE fill_id = 2);
      DELETE FROM journal WHERE fill_id = 2;
    `);
    const results = resultsOf(db);
    expect(results.get('I17')).toMatchObject({ status: 'broken', samples: ['fill 2'] });
    expect(results.get('I15')).toMatchObject({ status: 'explained', explainedBy: ['I17'] });
  });

  test('an offender of its own keeps a finding on its own', () => {
    const cause = { id: 'A', offenders: [{ subject: 'order 1', order_id: 1, pair: '1/1' }] };
    expect(explanations([{ subject: 'x', order_id: 1 }], [cause])).toEqual(['A']);
    expect(
      explanations(
        [
          { subject: 'x', order_id: 1 },
          { subject: 'y', order_id: 2 },
        ],
        [cause],
      ),
    ).toEqual([]);
    expect(explanations([{ subject: 'x', order_id: 2, pair: '1/1' }], [cause])).toEqual([]);
    expect(explanations([{ subject: 'x', pair: '1/1' }], [cause])).toEqual(['A']);
  });
});

describe('runner', () => {
  test('sums beyond 64 bits still give the right verdict', () => {
    const db = tradingDatabase();
    db.connection.exec(`
      PRAGMA foreign_keys = 0;
      INSERT INTO ledger_accounts VALUES (1, 1, 1, 'cash', 1), (2, 1, 1, 'external', 1);
      INSERT INTO journal (journal_id, ts_us, kind) VALUES (1, 1, 'deposit'), (2, 1, 'deposit'), (3, 1, 'withdrawal');
      INSERT INTO postings VALUES (1, 1, 1, 9000000000000000000), (1, 2, 2, -9000000000000000000),
        (2, 1, 1, 9000000000000000000), (2, 2, 2, -9000000000000000000),
        (3, 1, 1, -9000000000000000000), (3, 2, 2, 9000000000000000000);
      INSERT INTO balances (ledger_account_id, amount) VALUES (1, 9000000000000000000), (2, -9000000000000000000);
    `);
    expect(() => db.connection.value('SELECT sum(amount) FROM postings WHERE ledger_account_id = 1')).toThrow(
      'overflow',
    );
    expect(resultsOf(db).get('I15')?.status).toBe('ok');
    db.connection.exec('UPDATE balances SET amount = amount - 1 WHERE ledger_account_id = 1');
    expect(resultsOf(db).get('I15')).toMatchObject({ status: 'broken', count: 1, samples: ['ledger account 1'] });
  });

  test('the tolerance of fills is its own', () => {
    const db = tradingDatabase();
    fund(db);
    const orderId = openLimit(db);
    db.store.cancelled(orderId, startUs + 5_000_000);
    const late = { venueTradeId: 'late', price: price(10_000), quantity: quantity(10), execUs: startUs + 5_900_000 };
    db.store.fill(orderId, late);
    const options = { nowUs: startUs + 60_000_000, tolUs: 1_000_000, staleUs: 86_400_000_000 };
    const verdict = (fillTolUs: number) =>
      runRules(db.connection, { ...options, fillTolUs }).find((result) => result.id === 'I06')?.status;
    expect(verdict(1_000_000)).toBe('ok');
    expect(verdict(800_000)).toBe('broken');
  });

  test('only the wanted tiers run', () => {
    const db = tradingDatabase();
    const options = { nowUs: startUs, tolUs: 0, staleUs: 0, tiers: ['quick'] as const };
    expect(runRules(db.connection, options).map((result) => result.id)).toEqual(['I25', 'I27', 'I12', 'I16']);
  });

  test('rules on tables that an import still fills, or that are not there, are skipped', () => {
    const db = tradingDatabase();
    db.connection.exec(`
      INSERT INTO import_sources VALUES (1, 'csv', 'x', '1', zeroblob(32));
      INSERT INTO import_progress VALUES (1, 'candles', 'bulk', '[]', 1, 1, 0);
      DROP TABLE audit_log;
    `);
    const results = resultsOf(db);
    expect(results.get('I21')).toMatchObject({ status: 'skipped', reason: 'an import is still filling candles' });
    expect(results.get('I28')).toMatchObject({ status: 'skipped', reason: 'no table audit_log' });
    expect(results.get('I01')?.status).toBe('ok');
  });

  test('at most twenty offenders are named, all are counted', () => {
    const db = tradingDatabase();
    fund(db);
    for (let index = 0; index < 25; index++) openLimit(db);
    db.connection.exec("UPDATE orders SET status = 'CANCELED'");
    const result = resultsOf(db).get('I09');
    expect(result).toMatchObject({ status: 'broken', count: 25 });
    expect(result?.samples).toHaveLength(20);
  });

  test('candles of a venue that closes may have gaps between its sessions', () => {
    const db = tradingDatabase();
    db.connection.exec(`
      UPDATE venues SET continuous = 0;
      INSERT INTO trading_sessions VALUES (1, ${firstMinute}, ${firstMinute + 5 * minute});
      INSERT INTO candles (instrument_id, interval_s, open_us, open, high, low, close, volume)
      SELECT 1, 60, ${firstMinute} + value * ${minute}, 1, 1, 1, 1, 0 FROM json_each('[0, 1, 2, 3, 4, 20, 21]');
    `);
    expect(resultsOf(db).get('I22')?.status).toBe('ok');
    db.connection.exec(`DELETE FROM candles WHERE open_us = ${firstMinute + 2 * minute}`);
    expect(resultsOf(db).get('I22')?.count).toBe(1);
  });

  test('a store on real rows is judged without writing', () => {
    const db = busyDatabase();
    const before = db.connection.value('SELECT total_changes()');
    resultsOf(db);
    expect(db.connection.value('SELECT total_changes()')).toBe(before);
  });
});
