import type { Statement } from '../../../sqlite/statement.ts';
import type { RawValue } from '../raw-value.ts';
import type { SourceSchema } from '../source-schema.ts';
import { isShort, type Trade } from './ports.ts';

/** Questions about the other orders of a trade. */
export class TradeOrders {
  /** As long as a trade is remembered, its entry is too. */
  readonly #entries = new WeakMap<Trade, bigint | null>();
  readonly #first: Statement;
  readonly #filled: Statement;

  constructor(schema: SourceSchema) {
    this.#first = schema.connection
      .prepare('SELECT min(id) FROM orders WHERE ft_trade_id = ? AND ft_order_side = ?')
      .asArrays()
      .withBigIntegers();
    this.#filled = schema.connection
      .prepare('SELECT count(*) FROM orders WHERE ft_trade_id = ? AND ft_order_side = ? AND filled > 0')
      .asArrays();
  }

  /** Id of the order that opened the trade. */
  firstEntry(trade: Trade, tradeId: RawValue): bigint | undefined {
    let first = this.#entries.get(trade);
    if (first === undefined) {
      first = this.#first.get<[bigint | null]>([tradeId, isShort(trade) ? 'sell' : 'buy'])?.[0] ?? null;
      this.#entries.set(trade, first);
    }
    return first ?? undefined;
  }

  /** How many orders of this side of the trade are filled. */
  filledOn(tradeId: RawValue, side: RawValue): number {
    return this.#filled.get<[number]>([tradeId, side])?.[0] ?? 0;
  }
}
