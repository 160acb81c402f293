import type { SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { type FundingUnit, type Held, held } from '../unit.ts';
import { type FreqtradePorts, tradeColumns } from './ports.ts';

const columns = [
  'id',
  'ft_trade_id',
  'order_id',
  'funding_fee',
  'order_filled_date',
  'order_update_date',
  'order_date',
];

/** The part of a trade's funding that the bot has put on its orders; what runs still is on the trade alone. */
export function funding(shared: FreqtradePorts): SourceStream {
  return {
    name: 'funding',
    table: 'orders',
    columns,
    rows: shared.afresh(tableRows(shared.schema, { table: 'orders', columns, key: ['id'], where: 'funding_fee <> 0' })),
    mutable: true,
    externalId: (row) => String(row[0]),
    map(row): FundingUnit | Held {
      const [id, tradeId, orderId, amount, filled, updated, created] = row;
      const externalId = String(id);
      const trade = shared.trade(tradeId ?? null);
      if (trade === undefined) return held(externalId, 'orphan', `there is no trade ${String(tradeId)}`);
      const related = [{ table: 'trades', columns: tradeColumns.slice(0, 4), row: trade.values.slice(0, 4) }];
      const instrument = shared.instrumentOf(trade);
      if (typeof instrument === 'string') return held(externalId, instrument, `pair ${String(trade.pair)}`, related);
      const dueUs = shared.timeOf(filled ?? updated ?? created ?? null);
      if (Number.isNaN(dueUs)) return held(externalId, shared.timeFault, 'time of the payment', related);
      return {
        kind: 'funding',
        externalId,
        account: shared.accountOf(trade, orderId ?? null),
        instrument,
        dueUs,
        rate: null,
        amount: amount ?? null,
        related,
      };
    },
  };
}
