import type { Connection } from '../../sqlite/connection.ts';
import type { PositionUnits } from './position.ts';

interface AdjustmentRow {
  readonly qty_delta: bigint;
  readonly cost_delta: bigint;
  readonly at_us: bigint;
}

/** The adjustments of one account and instrument, taken in the order of time while its fills are gone through again. */
export class PositionAdjustments {
  readonly #rows: AdjustmentRow[];

  constructor(connection: Connection, accountId: number, instrumentId: number) {
    this.#rows = connection
      .prepare(
        'SELECT qty_delta, cost_delta, at_us FROM position_adjustments WHERE account_id = ? AND instrument_id = ? ORDER BY at_us',
      )
      .withBigIntegers()
      .all<AdjustmentRow>([accountId, instrumentId]);
  }

  /** The position with those up to a time applied, all without one; each is taken once. */
  applyUntil(untilUs: bigint | undefined, before: PositionUnits): PositionUnits {
    let { qty, cost } = before;
    for (let next = this.#rows[0]; next !== undefined; next = this.#rows[0]) {
      if (untilUs !== undefined && next.at_us > untilUs) break;
      qty += next.qty_delta;
      cost += next.cost_delta;
      this.#rows.shift();
    }
    return { qty, cost, realized: before.realized };
  }
}
