import { upsertCandle } from '../store/market-data.ts';
import { instrumentRanks, type MixTransaction, numberOf, zipfTheta } from './mix.ts';

type Unweighted = Omit<MixTransaction, 'weight'>;

/** Quotes of one transaction. */
const quotesPerBatch = 50;

export const quoteIngest: Unweighted = {
  name: 'quote.ingest',
  parameters: (draw) => ({
    instrument: draw.zipf(instrumentRanks, zipfTheta),
    offset: draw.integer(50),
    lots: 1 + draw.integer(100),
  }),
  run: (session, p) => {
    const { instrument, referencePrice } = session.instrument(numberOf(p, 'instrument'));
    const { tickSize, lotSize, instrumentId } = instrument.data;
    const nowUs = session.nowUs();
    const quantity = numberOf(p, 'lots') * lotSize;
    session.store.quotes(
      Array.from({ length: quotesPerBatch }, (_, index) => {
        const bidPrice = referencePrice + (((numberOf(p, 'offset') + index) % 50) - 25) * tickSize;
        return {
          instrumentId,
          tsUs: nowUs - quotesPerBatch + index,
          seq: session.nextNumber(),
          bidPrice,
          bidQuantity: quantity,
          askPrice: bidPrice + (1 + (index % 3)) * tickSize,
          askQuantity: quantity,
        };
      }),
    );
  },
};

/** The running candle: the newest one of the instrument, not closed yet. */
export const candleUpsert: Unweighted = {
  name: 'candle.upsert',
  parameters: (draw) => ({
    instrument: draw.zipf(instrumentRanks, zipfTheta),
    offset: draw.integer(50),
    lots: 1 + draw.integer(100),
  }),
  run: (session, p) => {
    const { instrument, referencePrice, lastCandleUs } = session.instrument(numberOf(p, 'instrument'));
    const { tickSize, lotSize } = instrument.data;
    const move = (numberOf(p, 'offset') - 25) * tickSize;
    const [open, close] = [referencePrice, referencePrice + move];
    session.connection.tx(() =>
      upsertCandle(session.connection, instrument.id, 60, {
        openUs: lastCandleUs,
        open,
        high: Math.max(open, close) + tickSize,
        low: Math.min(open, close) - tickSize,
        close,
        volume: numberOf(p, 'lots') * lotSize,
        trades: numberOf(p, 'lots'),
        isClosed: false,
      }),
    );
  },
};

/** One payment for each open margin position of an account, in one transaction. */
export const fundingSettle: Unweighted = {
  name: 'funding.settle',
  parameters: (draw) => ({
    account: draw.uniform(),
    amount: 1 + draw.integer(500),
    isReceived: draw.uniform() < 0.5 ? 1 : 0,
  }),
  run: (session, p) => {
    const accountId = session.account(numberOf(p, 'account'));
    const amount = BigInt(numberOf(p, 'amount')) * (numberOf(p, 'isReceived') === 1 ? 1n : -1n);
    session.store.transaction(() => {
      const positions = session.connection.all<{ id: number }>(
        `SELECT instrument_id AS id FROM positions JOIN instruments USING (instrument_id)
         WHERE account_id = ? AND settlement = 'margin' AND qty <> 0`,
        [accountId],
      );
      // The number keeps two settlements of one microsecond apart.
      const dueUs = session.nowUs() - (session.nextNumber() % 1_000_000);
      for (const { id } of positions) {
        const isPaid = session.connection.value(
          'SELECT 1 FROM funding_payments WHERE account_id = ? AND instrument_id = ? AND due_us = ?',
          [accountId, id, dueUs],
        );
        if (isPaid === undefined) session.store.fund({ accountId, instrumentId: id, dueUs, amount });
      }
    });
  },
};
