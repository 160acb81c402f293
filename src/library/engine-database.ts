import type { StatisticsFile } from '../core/sqlite/statistics-file.ts';
import { TradingDatabase } from '../core/sqlite/trading-database.ts';
import { createOrderStore, type OrderStore } from '../core/trading/store/order-store.ts';

/** The database of a trading engine: what `core/sqlite` offers, and the order store on its writing connection. */
export class EngineDatabase extends TradingDatabase {
  #orders: OrderStore | undefined;
  #statistics: StatisticsFile | undefined;

  /**
   * Orders, fills, positions and ledger, one transaction per call. Made at the first use; throws `schema_missing` when
   * the database does not have the trading schema.
   */
  get orders(): OrderStore {
    this.#orders ??= createOrderStore(this.writer);
    return this.#orders;
  }

  /** Writes what is counted by `statistics` into its file until the database is closed. */
  tellStatistics(statistics: StatisticsFile): void {
    this.#statistics = statistics;
    statistics.start(() => this.metrics());
  }

  override async close(): Promise<void> {
    await super.close();
    this.#statistics?.stop();
  }
}
