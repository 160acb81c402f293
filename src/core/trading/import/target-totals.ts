import type { Connection } from '../../sqlite/connection.ts';
import { formatDecimal } from '../decimal.ts';
import type { SourceAccount, SourceCatalog, SourceInstrument } from './catalog.ts';
import type { ImportedOrder, SumCheck } from './source.ts';
import type { TargetCatalog } from './target-catalog.ts';
import type { Totals } from './totals.ts';

interface Ports {
  readonly connection: Connection;
  readonly sourceId: number;
  readonly catalog: SourceCatalog;
  readonly target: TargetCatalog;
}

/** Sums of 64-bit integers in two halves, so that none overflows. */
const sum = (expression: string, name: string): string =>
  `sum((${expression}) >> 32) AS ${name}_high, sum((${expression}) & 4294967295) AS ${name}_low`;

const whole = (high: bigint | null, low: bigint | null): bigint => ((high ?? 0n) << 32n) + (low ?? 0n);

/** What is held now although it is stored: the source contradicts it, or does not have it any more. */
const notHeld = (streams: string): string => `NOT EXISTS (SELECT 1 FROM import_quarantine q
  WHERE q.source_id = r.source_id AND ${streams} AND q.external_id = r.external_id AND q.resolved_us IS NULL)`;

/** Orders of the source that it still tells the same way. */
const ownOrders = `external_refs r JOIN orders o ON o.order_id = r.entity_id
  WHERE r.source_id = @source AND r.entity = 'order' AND ${notHeld("q.stream = 'orders'")}`;

/** What the target has of the source: the other side of the reconciliation. */
export function targetTotals(ports: Ports, totals: Totals): void {
  const names = namesOf(ports);
  orderTotals(ports, names, totals);
  feeTotals(ports, names, totals);
  fundingTotals(ports, names, totals);
  stateTotals(ports, totals);
  marketTotals(ports, totals);
}

interface Names {
  account(id: bigint): SourceAccount | undefined;
  instrument(id: bigint): SourceInstrument | undefined;
}

function namesOf({ catalog, target }: Ports): Names {
  const accounts = new Map(catalog.accounts.map((account) => [BigInt(target.accountId(account)), account]));
  const instruments = new Map(
    catalog.instruments.map((instrument) => [BigInt(target.instrument(instrument).instrumentId), instrument]),
  );
  return { account: (id) => accounts.get(id), instrument: (id) => instruments.get(id) };
}

type BigRow = Readonly<Record<string, bigint | null>>;

function rowsOf({ connection, sourceId }: Ports, sql: string): BigRow[] {
  return connection.prepare(sql).withBigIntegers().all<BigRow>({ source: sourceId });
}

function orderTotals(ports: Ports, names: Names, totals: Totals): void {
  const { target } = ports;
  const rows = rowsOf(
    ports,
    `SELECT o.account_id, o.instrument_id, count(*) AS orders,
       sum((SELECT count(*) FROM fills f WHERE f.order_id = o.order_id AND f.busted = 0 AND f.synthetic = 0)
         + (o.filled_qty > 0 AND EXISTS (SELECT 1 FROM fills f WHERE f.order_id = o.order_id AND f.synthetic = 1))) AS fills,
       ${sum('CASE o.side WHEN 1 THEN o.filled_qty ELSE 0 END', 'bought')},
       ${sum('CASE o.side WHEN -1 THEN o.filled_qty ELSE 0 END', 'sold')},
       ${sum('(SELECT coalesce(sum(f.notional), 0) FROM fills f WHERE f.order_id = o.order_id AND f.busted = 0)', 'notional')}
     FROM ${ownOrders} GROUP BY o.account_id, o.instrument_id`,
  );
  for (const row of rows) {
    const account = names.account(row.account_id ?? 0n);
    const instrument = names.instrument(row.instrument_id ?? 0n);
    if (account === undefined || instrument === undefined) continue;
    const of = { account, instrument };
    const { qtyScale } = target.instrument(instrument);
    const asset = instrument.quote;
    totals.count('orders', of, Number(row.orders));
    if ((row.fills ?? 0n) > 0n) totals.count('fills', of, Number(row.fills));
    const bought = whole(row.bought_high ?? null, row.bought_low ?? null);
    const sold = whole(row.sold_high ?? null, row.sold_low ?? null);
    totals.add('bought', { ...of, scale: qtyScale }, bought);
    totals.add('sold', { ...of, scale: qtyScale }, sold);
    const notional = whole(row.notional_high ?? null, row.notional_low ?? null);
    totals.add('notional', { ...of, asset, scale: target.asset(asset).scale }, notional);
    totals.add('open quantity', { ...of, scale: qtyScale }, bought - sold - baseFees(ports, of));
  }
}

/** Fees that were taken in the base asset, in units of the quantity. */
function baseFees(ports: Ports, of: { account: SourceAccount; instrument: SourceInstrument }): bigint {
  const { target, connection, sourceId } = ports;
  const instrument = target.instrument(of.instrument);
  const asset = target.asset(of.instrument.base);
  const row = connection
    .prepare(
      `SELECT ${sum('f.fee', 'fee')} FROM external_refs r JOIN fills f ON f.order_id = r.entity_id
       WHERE r.source_id = ? AND r.entity = 'order' AND f.account_id = ? AND f.instrument_id = ? AND f.fee_asset_id = ?
         AND f.busted = 0`,
    )
    .withBigIntegers()
    .get<BigRow>([sourceId, target.accountId(of.account), instrument.instrumentId, asset.assetId]);
  const fee = whole(row?.fee_high ?? null, row?.fee_low ?? null);
  const shift = instrument.qtyScale - asset.scale;
  return shift >= 0 ? fee * 10n ** BigInt(shift) : fee / 10n ** BigInt(-shift);
}

function feeTotals(ports: Ports, names: Names, totals: Totals): void {
  const rows = ports.connection
    .prepare(
      `SELECT account_id, instrument_id, code, scale, ${sum('fee', 'fee')} FROM (
         SELECT f.account_id, f.instrument_id, f.fee_asset_id AS asset_id, f.fee
         FROM fills f WHERE f.fee <> 0 AND f.busted = 0 AND f.order_id IN (SELECT o.order_id FROM ${ownOrders})
         UNION ALL
         SELECT f.account_id, f.instrument_id, l.asset_id, p.amount
         FROM fills f JOIN journal j ON j.fill_id = f.fill_id AND j.kind = 'fee'
           JOIN postings p ON p.journal_id = j.journal_id JOIN ledger_accounts l USING (ledger_account_id)
         WHERE l.kind = 'fee' AND f.order_id IN (SELECT o.order_id FROM ${ownOrders}))
       JOIN assets USING (asset_id) GROUP BY account_id, instrument_id, code`,
    )
    .withBigIntegers()
    .all<BigRow & { readonly code: string }>({ source: ports.sourceId });
  for (const row of rows) {
    const account = names.account(row.account_id ?? 0n);
    const instrument = names.instrument(row.instrument_id ?? 0n);
    if (account === undefined || instrument === undefined) continue;
    const fee = whole(row.fee_high ?? null, row.fee_low ?? null);
    totals.add('fees', { account, instrument, asset: row.code, scale: Number(row.scale) }, fee);
  }
}

function fundingTotals(ports: Ports, names: Names, totals: Totals): void {
  const rows = rowsOf(
    ports,
    `SELECT p.account_id, p.instrument_id, count(*) AS payments, ${sum('p.amount', 'amount')}
     FROM external_refs r JOIN funding_payments p ON p.funding_id = r.entity_id
     WHERE r.source_id = @source AND r.entity = 'funding' AND ${notHeld("q.stream = 'funding'")} GROUP BY p.account_id, p.instrument_id`,
  );
  for (const row of rows) {
    const account = names.account(row.account_id ?? 0n);
    const instrument = names.instrument(row.instrument_id ?? 0n);
    if (account === undefined || instrument === undefined) continue;
    totals.count('funding payments', { account, instrument }, Number(row.payments));
    const asset = instrument.quote;
    const scale = ports.target.asset(asset).scale;
    totals.add(
      'funding',
      { account, instrument, asset, scale },
      whole(row.amount_high ?? null, row.amount_low ?? null),
    );
  }
}

function stateTotals(ports: Ports, totals: Totals): void {
  const [locks] = rowsOf(
    ports,
    `SELECT count(*) AS locks FROM external_refs r
     WHERE r.source_id = @source AND r.entity = 'lock' AND ${notHeld("q.stream = 'locks'")}`,
  );
  if ((locks?.locks ?? 0n) > 0n) totals.count('locks', {}, Number(locks?.locks));
  const [state] = rowsOf(
    ports,
    `SELECT count(*) AS keys FROM external_refs r
     WHERE r.source_id = @source AND r.entity = 'state'
       AND ${notHeld("q.stream NOT IN ('orders', 'fills', 'funding', 'locks')")}`,
  );
  if ((state?.keys ?? 0n) > 0n) totals.count('state', {}, Number(state?.keys));
}

function marketTotals({ connection, catalog, target }: Ports, totals: Totals): void {
  for (const table of ['candles', 'ticks', 'quotes'] as const) {
    if (connection.value(`SELECT 1 FROM ${table} LIMIT 1`) === undefined) continue;
    for (const instrument of catalog.instruments) {
      const { instrumentId } = target.instrument(instrument);
      const rows = connection.value(`SELECT count(*) FROM ${table} WHERE instrument_id = ?`, [instrumentId]);
      if (Number(rows) > 0) totals.count(table, { instrument }, Number(rows));
    }
  }
}

interface ImportedRow {
  readonly external_id: string;
  readonly parent: string | null;
  readonly account_id: bigint;
  readonly instrument_id: bigint;
  readonly side: bigint;
  readonly filled_qty: bigint;
  readonly notional: bigint;
  readonly fee: bigint;
  readonly fee_asset: string | null;
  readonly fee_scale: bigint | null;
}

/** The orders as they stand in the target, for the formulas of the source. */
export function* importedOrders(ports: Ports): Generator<ImportedOrder> {
  const names = namesOf(ports);
  const rows = ports.connection
    .prepare(
      `SELECT r.external_id, (SELECT p.external_id FROM external_refs p
                WHERE p.source_id = r.source_id AND p.entity = 'order' AND p.entity_id = o.parent_order_id) AS parent,
         o.account_id, o.instrument_id, o.side, o.filled_qty,
         coalesce(sum(f.notional), 0) AS notional, coalesce(sum(f.fee), 0) AS fee, a.code AS fee_asset, a.scale AS fee_scale
       FROM external_refs r JOIN orders o ON o.order_id = r.entity_id
         LEFT JOIN fills f ON f.order_id = o.order_id AND f.busted = 0 LEFT JOIN assets a ON a.asset_id = f.fee_asset_id
       WHERE r.source_id = @source AND r.entity = 'order' GROUP BY o.order_id ORDER BY o.order_id`,
    )
    .withBigIntegers();
  for (const row of rows.iterate<ImportedRow>({ source: ports.sourceId })) {
    const account = names.account(row.account_id);
    const instrument = names.instrument(row.instrument_id);
    if (account === undefined || instrument === undefined) continue;
    const { qtyScale, quoteScale } = ports.target.instrument(instrument);
    yield {
      externalId: row.external_id,
      parent: row.parent ?? undefined,
      account,
      instrument,
      side: row.side === 1n ? 1 : -1,
      filled: formatDecimal(row.filled_qty, qtyScale),
      notional: formatDecimal(row.notional, quoteScale),
      fees:
        row.fee_asset === null || row.fee === 0n
          ? []
          : [{ asset: row.fee_asset, amount: formatDecimal(row.fee, Number(row.fee_scale ?? 0n)) }],
    };
  }
}

/** Checks of money whose tolerance also grows with what was traded. */
export const relativeChecks: ReadonlySet<SumCheck> = new Set(['realized profit']);
