import { quoteIngest } from './market-transactions.ts';
import { type Draw, instrumentRanks, type Mix, type MixParameters, numberOf, zipfTheta } from './mix.ts';
import { orderFill, orderNew } from './order-transactions.ts';
import type { MixSession } from './session.ts';

/**
 * The weights of TPC-E's transactions (EGen defaults, per 1,000) on queries of this schema. The mapping is ours: figures
 * of it must not be called TPC-E results. Reads are 76.9 %.
 */

const onAccount = (draw: Draw): MixParameters => ({ account: draw.uniform() });
const onInstrument = (draw: Draw): MixParameters => ({ instrument: draw.zipf(instrumentRanks, zipfTheta) });

function brokerVolume(session: MixSession): void {
  session.connection.all(
    `SELECT o.strategy_id, sum(o.leaves_qty) AS leaves FROM orders o WHERE o.is_open = 1 AND o.account_id = ?
     GROUP BY o.strategy_id ORDER BY leaves DESC`,
    [session.market.accounts[0] ?? 0],
  );
}

function customerPosition(session: MixSession, p: MixParameters): void {
  const accountId = session.account(numberOf(p, 'account'), session.market.readAccounts);
  session.store.snapshot((queries) => {
    session.connection.all('SELECT * FROM positions WHERE account_id = ?', [accountId]);
    queries.balances(accountId);
    queries.history({ accountId, limit: 10 });
  });
}

function marketWatch(session: MixSession, p: MixParameters): void {
  session.store.snapshot((queries) => {
    for (let step = 0; step < 20; step++) {
      queries.lastQuote(session.instrument(numberOf(p, 'instrument') + step).instrument.id);
    }
  });
}

function securityDetail(session: MixSession, p: MixParameters): void {
  const { instrument, lastCandleUs } = session.instrument(numberOf(p, 'instrument'));
  session.store.snapshot((queries) => {
    session.connection.get('SELECT * FROM instruments WHERE instrument_id = ?', [instrument.id]);
    queries.candles({
      instrumentId: instrument.id,
      intervalS: 60,
      fromUs: lastCandleUs - 20 * 60_000_000,
      toUs: lastCandleUs + 1,
    });
    queries.lastQuote(instrument.id);
  });
}

function tradeLookup(session: MixSession, p: MixParameters): void {
  const newest = Number(session.connection.value('SELECT max(fill_id) FROM fills') ?? 0);
  session.connection.all(
    `SELECT f.*, p.line, p.ledger_account_id, p.amount
     FROM fills f JOIN journal j ON j.fill_id = f.fill_id AND j.kind = 'fill' JOIN postings p USING (journal_id)
     WHERE f.fill_id BETWEEN @last - 20 AND @last`,
    { last: Math.max(1, newest - Math.floor(numberOf(p, 'share') * newest)) },
  );
}

function tradeStatus(session: MixSession, p: MixParameters): void {
  session.store.history({ accountId: session.account(numberOf(p, 'account'), session.market.readAccounts), limit: 50 });
}

function tradeUpdate(session: MixSession, p: MixParameters): void {
  session.connection.tx(() => {
    const newest = Number(session.connection.value('SELECT max(journal_id) FROM journal') ?? 0);
    session.connection.run('UPDATE journal SET note = ? WHERE journal_id = ?', [
      `seen by ${session.runId}`,
      Math.max(1, newest - Math.floor(numberOf(p, 'share') * newest)),
    ]);
  });
}

export const tpce: Mix = {
  name: 'tpce',
  transactions: [
    { name: 'Broker-Volume', weight: 49, parameters: () => ({}), run: brokerVolume },
    { name: 'Customer-Position', weight: 130, parameters: onAccount, run: customerPosition },
    { name: 'Market-Watch', weight: 180, parameters: onInstrument, run: marketWatch },
    { name: 'Security-Detail', weight: 140, parameters: onInstrument, run: securityDetail },
    { name: 'Trade-Lookup', weight: 80, parameters: (draw) => ({ share: draw.uniform() }), run: tradeLookup },
    { ...orderNew, name: 'Trade-Order', weight: 101 },
    { name: 'Trade-Status', weight: 190, parameters: onAccount, run: tradeStatus },
    { name: 'Trade-Update', weight: 20, parameters: (draw) => ({ share: draw.uniform() }), run: tradeUpdate },
    { ...quoteIngest, name: 'Market-Feed', weight: 10 },
    { ...orderFill, name: 'Trade-Result', weight: 100 },
  ],
};
