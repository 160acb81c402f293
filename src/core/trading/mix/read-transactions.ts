import { TradedbError } from '../../error.ts';
import { usPerDay } from '../time.ts';
import { type Draw, instrumentRanks, type MixParameters, type MixTransaction, numberOf, zipfTheta } from './mix.ts';
import type { MixSession } from './session.ts';

type Unweighted = Omit<MixTransaction, 'weight'>;

const onAccount = (draw: Draw): MixParameters => ({ account: draw.uniform() });
const onInstrument = (draw: Draw): MixParameters => ({
  account: draw.uniform(),
  instrument: draw.zipf(instrumentRanks, zipfTheta),
});
const readAccount = (session: MixSession, p: MixParameters): number =>
  session.account(numberOf(p, 'account'), session.market.readAccounts);

/** Four fifths of the status questions are about the newest hundredth of the orders. */
function someOrderId(session: MixSession, p: MixParameters): number {
  const newest = Number(session.connection.value('SELECT max(order_id) FROM orders') ?? 0);
  const range = numberOf(p, 'isRecent') === 1 ? Math.max(1, Math.ceil(newest / 100)) : Math.max(1, newest);
  return newest - Math.floor(numberOf(p, 'share') * range);
}

const onOrder = (draw: Draw): MixParameters => ({ isRecent: draw.uniform() < 0.8 ? 1 : 0, share: draw.uniform() });

export const orderStatus: Unweighted = {
  name: 'order.status',
  parameters: onOrder,
  run: (session, p) => {
    session.store.snapshot((queries) => {
      const orderId = someOrderId(session, p);
      session.connection.get('SELECT * FROM orders WHERE order_id = ?', [orderId]);
      queries.events(orderId);
    });
  },
};

export const bookOpen: Unweighted = {
  name: 'book.open',
  parameters: onInstrument,
  run: (session, p) => {
    const instrumentId = session.instrument(numberOf(p, 'instrument')).instrument.id;
    session.store.snapshot((queries) => queries.open({ accountId: readAccount(session, p), instrumentId }));
  },
};

export const positionRead: Unweighted = {
  name: 'position.read',
  parameters: onAccount,
  run: (session, p) => {
    session.connection.all('SELECT * FROM positions WHERE account_id = ?', [readAccount(session, p)]);
  },
};

export const balanceRead: Unweighted = {
  name: 'balance.read',
  parameters: onAccount,
  run: (session, p) => {
    session.store.balances(readAccount(session, p));
  },
};

export const historyPage: Unweighted = {
  name: 'history.page',
  parameters: onAccount,
  run: (session, p) => {
    session.store.history({ accountId: readAccount(session, p), limit: 50 });
  },
};

export const candleRange: Unweighted = {
  name: 'candle.range',
  parameters: onInstrument,
  run: (session, p) => {
    const { instrument, lastCandleUs } = session.instrument(numberOf(p, 'instrument'));
    const fromUs = lastCandleUs - 500 * 60_000_000;
    session.store.candles({ instrumentId: instrument.id, intervalS: 60, fromUs, toUs: lastCandleUs + 1 });
  },
};

export const pnlReport: Unweighted = {
  name: 'pnl.report',
  parameters: () => ({}),
  run: (session) => {
    const newest = Number(session.connection.value('SELECT max(exec_us) FROM fills') ?? 0);
    session.store.snapshot((queries) => queries.dailyProfit({ fromUs: newest - 5 * usPerDay, toUs: newest + 1 }));
  },
};

/** Rules I01 and I11 for one account; a difference is an error of the run. */
export const reconcile: Unweighted = {
  name: 'reconcile',
  parameters: onAccount,
  run: (session, p) => {
    const accountId = readAccount(session, p);
    const wrong = session.connection.value(
      `SELECT (SELECT count(*) FROM (SELECT order_id, filled_qty FROM orders WHERE account_id = @accountId
                                     ORDER BY created_us DESC LIMIT 500) o
               WHERE o.filled_qty <> (SELECT coalesce(sum(qty), 0) FROM fills f WHERE f.order_id = o.order_id AND f.busted = 0))
            + (SELECT count(*) FROM positions p WHERE p.account_id = @accountId AND p.qty <>
                 (SELECT coalesce(sum(side * qty), 0) FROM fills f
                  WHERE f.account_id = p.account_id AND f.instrument_id = p.instrument_id AND f.busted = 0)
                 + (SELECT coalesce(sum(qty_delta), 0) FROM position_adjustments a
                    WHERE a.account_id = p.account_id AND a.instrument_id = p.instrument_id))`,
      { accountId },
    );
    if (wrong !== 0) throw new TradedbError('constraint_violation', `account ${accountId} does not reconcile`);
  },
};
