import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue, Statement } from '../../sqlite/statement.ts';

/** Tables that the generator writes row by row, in the order in which a batch is written. */
export const sampleTables = {
  orders: 22,
  order_events: 9,
  fills: 17,
  journal: 7,
  postings: 4,
  funding_payments: 7,
  quotes: 7,
  ticks: 7,
  candles: 12,
  audit_log: 9,
} as const;

export type SampleTable = keyof typeof sampleTables;
export type SampleRow = readonly SqlValue[];

const columns: Readonly<Record<SampleTable, string>> = {
  orders: `(order_id, account_id, instrument_id, strategy_id, client_order_id, venue_order_id, parent_order_id,
    replaces_order_id, side, type, tif, post_only, reduce_only, price, stop_price, qty, filled_qty, filled_notional, status,
    expire_us, created_us, updated_us)`,
  order_events: '',
  fills: '',
  journal: '',
  postings: '',
  funding_payments: '',
  quotes: '',
  ticks: '',
  candles: '',
  audit_log: '',
};

/** The INSERT of one row into a table. */
export function insertSql(table: SampleTable): string {
  const marks = Array.from({ length: sampleTables[table] }, () => '?').join(', ');
  return `INSERT INTO ${table} ${columns[table]} VALUES (${marks})`;
}

/** Rows of one batch, by table. */
export type SampleBatch = Readonly<Record<SampleTable, SampleRow[]>>;

export function emptyBatch(): SampleBatch {
  return Object.fromEntries(Object.keys(sampleTables).map((table) => [table, []])) as unknown as SampleBatch;
}

/** Takes finished batches. */
export interface RowSink {
  write(batch: SampleBatch): void;
}

/** Writes each batch in one transaction, table by table, so that each B-tree is filled in the order of its keys. */
export class DatabaseSink implements RowSink {
  readonly #connection: Connection;
  readonly #statements: readonly (readonly [SampleTable, Statement])[];

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#statements = (Object.keys(sampleTables) as SampleTable[]).map((table) => [
      table,
      connection.prepare(insertSql(table)),
    ]);
  }

  write(batch: SampleBatch): void {
    this.#connection.tx(() => {
      for (const [table, statement] of this.#statements) {
        for (const row of batch[table]) statement.run(row);
      }
    });
  }
}
