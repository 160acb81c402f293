import { quoteIdentifier } from '../../../sqlite/quote-identifier.ts';
import { isPayment } from '../order-life.ts';
import type { RawValue } from '../raw-value.ts';
import type { HeldRows, TotalsRecorder } from '../source.ts';
import { fundingTable } from './funding.ts';
import type { HummingbotFile } from './ports.ts';
import { keptTables, marketStates } from './state.ts';

type Row = readonly RawValue[];

/** What the tables say by themselves, without the mapping of orders; rows that are held do not count. */
export function recordTotals(file: HummingbotFile, record: TotalsRecorder, held: HeldRows): void {
  const heldOrders = new Set(held.ids('orders'));
  const heldFills = new Set(held.ids('fills'));
  const orders = read(file, 'SELECT id, market, symbol, base_asset, quote_asset FROM main."Order"');
  for (const [id = null, market = null, symbol = null, base = null, quote = null] of orders) {
    const instrument = file.instrument(market, symbol, [base, quote]);
    if (heldOrders.has(String(id)) || instrument === undefined) continue;
    record.count('orders', { account: file.account(market, id), instrument }, 1);
  }
  recordFills(file, record, { heldOrders, heldFills });
  recordFunding(file, record, new Set(held.ids('funding')));
  let states = 0;
  for (const table of [marketStates, ...keptTables]) {
    if (file.schema.has(table)) states += file.schema.count(table) - held.count(`state of ${table}`);
  }
  if (states > 0) record.count('state', {}, states);
}

function recordFills(
  file: HummingbotFile,
  record: TotalsRecorder,
  held: { heldOrders: ReadonlySet<string>; heldFills: ReadonlySet<string> },
): void {
  const rows = read(
    file,
    `SELECT f.market, f.order_id, f.exchange_trade_id, f.symbol, f.base_asset, f.quote_asset, f.trade_type, f.amount,
            o.id IS NULL
     FROM main.TradeFill f LEFT JOIN main."Order" o ON o.id = f.order_id AND o.market = f.market
     ORDER BY f.market, f.order_id, f.exchange_trade_id`,
  );
  // Fills without an order are held as a whole, by the first of them.
  const heldGroups = new Set([...held.heldFills].map((id) => groupOf(JSON.parse(id) as RawValue[])));
  let last: string | undefined;
  for (const row of rows) {
    const [
      market = null,
      order = null,
      ,
      symbol = null,
      base = null,
      quote = null,
      type = null,
      amount = null,
      isAlone,
    ] = row;
    const group = groupOf(row);
    const isNew = group !== last;
    last = group;
    if (isAlone === 1n ? heldGroups.has(group) : held.heldOrders.has(String(order))) continue;
    const instrument = file.instrument(market, symbol, [base, quote]);
    if (instrument === undefined) continue;
    const of = { account: file.account(market, order), instrument };
    if (isAlone === 1n && isNew) record.count('orders', of, 1);
    record.count('fills', of, 1);
    record.quantity(type === 'BUY' ? 'bought' : 'sold', of, file.number(amount));
  }
}

const groupOf = ([market = null, order = null]: readonly RawValue[]): string => `${String(market)} ${String(order)}`;

function recordFunding(file: HummingbotFile, record: TotalsRecorder, held: ReadonlySet<string>): void {
  if (!file.schema.has(fundingTable, 'timestamp', 'amount')) return;
  const rows = read(file, `SELECT timestamp, market, symbol, amount FROM main.${quoteIdentifier(fundingTable)}`);
  const sums = new Map<string, number>();
  for (const [timestamp = null, market = null, symbol = null, amount = null] of rows) {
    const instrument = file.instrument(market, symbol);
    if (held.has(String(timestamp)) || instrument === undefined || !isPayment(amount)) continue;
    const account = file.account(market, null);
    record.count('funding payments', { account, instrument }, 1);
    record.money('funding', { account, instrument, asset: instrument.quote }, amount);
    const name = `${String(market)} in ${instrument.quote}`;
    sums.set(name, (sums.get(name) ?? 0) + Number(amount));
  }
  // Connectors do not agree on which sign is money received.
  for (const [name, sum] of sums)
    file.notes.add(`funding of ${name} adds up to ${Number(sum.toPrecision(12))}: check that its sign is yours`);
}

function read({ schema }: HummingbotFile, sql: string): Iterable<Row> {
  return schema.connection.prepare(sql).asArrays().withBigIntegers().iterate<Row>();
}
