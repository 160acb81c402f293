import type { Connection } from '../../sqlite/connection.ts';
import { type InstrumentData, instrumentById } from '../instrument.ts';
import { type Fee, fillLines, realizedLines } from '../store/ledger-lines.ts';
import { applyFill, flat, type PositionUnits } from '../store/position.ts';
import { PositionAdjustments } from '../store/position-adjustments.ts';
import type { Sign } from '../units.ts';
import { LedgerBook } from './ledger-book.ts';

interface Pair {
  readonly accountId: number;
  readonly instrumentId: number;
}

interface FillRow {
  readonly fill_id: bigint;
  readonly side: bigint;
  readonly qty: bigint;
  readonly notional: bigint;
  readonly realized: bigint;
  readonly fee: bigint;
  readonly fee_asset_id: bigint | null;
  readonly exec_us: bigint;
  readonly isBooked: bigint;
}

export interface BookProgress {
  advance(fills: number): void;
  /** Between two transactions; may throw to cancel. */
  onBatch(): Promise<void>;
}

const batchFills = 2000;
const notBooked = `NOT EXISTS (SELECT 1 FROM journal j WHERE j.fill_id = f.fill_id AND j.kind = 'fill')`;
const columns = 'f.fill_id, f.side, f.qty, f.notional, f.realized, f.fee, f.fee_asset_id, f.exec_us';

/**
 * Books the fills that were imported: realized profit, journal entry, position and balances, for each account and
 * instrument in the order of time. A killed run is resumed by the fills that have no entry yet.
 */
export async function bookFills(connection: Connection, progress: BookProgress): Promise<number> {
  let booked = 0;
  for (const pair of unbookedPairs(connection)) {
    const { data } = instrumentById(connection, pair.instrumentId);
    if (hasLateFill(connection, pair)) {
      const fills = connection.tx(() => replay(connection, pair, data));
      booked += fills;
      progress.advance(fills);
      await progress.onBatch();
      continue;
    }
    let after: FillRow | undefined;
    do {
      const fills = connection.tx(() => bookBatch(connection, pair, data, after));
      booked += fills.length;
      progress.advance(fills.length);
      await progress.onBatch();
      after = fills.length < batchFills ? undefined : fills.at(-1);
    } while (after !== undefined);
  }
  return booked;
}

/** In the order in which their first fill came, which a resumed run finds again. */
function unbookedPairs(connection: Connection): Pair[] {
  return connection.all<Pair>(
    `SELECT f.account_id AS accountId, f.instrument_id AS instrumentId FROM fills f WHERE f.busted = 0 AND ${notBooked}
     GROUP BY f.account_id, f.instrument_id ORDER BY f.account_id, f.instrument_id`,
  );
}

/** A fill that is older than one that is booked changes what that one realized. */
function hasLateFill(connection: Connection, { accountId, instrumentId }: Pair): boolean {
  const late = connection.value(
    `WITH pair AS (SELECT f.fill_id, f.exec_us, ${notBooked} AS is_new FROM fills f
                   WHERE f.account_id = ? AND f.instrument_id = ? AND f.busted = 0)
     SELECT 1 FROM (SELECT exec_us, fill_id FROM pair WHERE is_new = 1 ORDER BY exec_us, fill_id LIMIT 1) first
     JOIN (SELECT exec_us, fill_id FROM pair WHERE is_new = 0 ORDER BY exec_us DESC, fill_id DESC LIMIT 1) last
     WHERE (first.exec_us, first.fill_id) < (last.exec_us, last.fill_id)`,
    [accountId, instrumentId],
  );
  return late !== undefined;
}

function bookBatch(
  connection: Connection,
  pair: Pair,
  instrument: InstrumentData,
  after: FillRow | undefined,
): FillRow[] {
  const key = [pair.accountId, pair.instrumentId];
  const fills = connection
    .prepare(
      `SELECT ${columns}, 0 AS isBooked FROM fills f
       WHERE f.account_id = ? AND f.instrument_id = ? AND (f.exec_us, f.fill_id) > (?, ?) AND f.busted = 0 AND ${notBooked}
       ORDER BY f.exec_us, f.fill_id LIMIT ${batchFills}`,
    )
    .withBigIntegers()
    .all<FillRow>([...key, after?.exec_us ?? 0n, after?.fill_id ?? 0n]);
  const before = connection
    .prepare('SELECT qty, cost, realized FROM positions WHERE account_id = ? AND instrument_id = ?')
    .withBigIntegers()
    .get<PositionUnits>(key);
  const ledger = new LedgerBook(connection);
  let position = before ?? flat;
  for (const fill of fills) position = bookOne({ connection, ledger, pair, instrument }, fill, position).position;
  writePosition(connection, pair, position, fills.at(-1));
  ledger.flush();
  return fills;
}

interface Booking {
  readonly connection: Connection;
  readonly ledger: LedgerBook;
  readonly pair: Pair;
  readonly instrument: InstrumentData;
}

function bookOne(booking: Booking, fill: FillRow, before: PositionUnits): ReturnType<typeof applyFill> {
  const { connection, ledger, pair, instrument } = booking;
  const side = Number(fill.side) as Sign;
  const [qty, notional] = [Number(fill.qty), Number(fill.notional)];
  const step = applyFill(before, { side, qty, notional });
  if (step.realized !== fill.realized) {
    connection.run('UPDATE fills SET realized = ? WHERE fill_id = ?', [step.realized, fill.fill_id]);
  }
  if (fill.isBooked === 1n) return step;
  const fee: Fee | undefined =
    fill.fee_asset_id === null ? undefined : { assetId: Number(fill.fee_asset_id), amount: fill.fee };
  ledger.post({
    accountId: pair.accountId,
    atUs: Number(fill.exec_us),
    kind: 'fill',
    fillId: Number(fill.fill_id),
    lines: fillLines(instrument, { side, qty, notional, realized: step.realized, fee }),
  });
  return step;
}

/** Books late fills by going through all of the pair again; what booked ones realized differently is adjusted. */
function replay(connection: Connection, pair: Pair, instrument: InstrumentData): number {
  const key = [pair.accountId, pair.instrumentId];
  const fills = connection
    .prepare(
      `SELECT ${columns}, NOT (${notBooked}) AS isBooked FROM fills f
     WHERE f.account_id = ? AND f.instrument_id = ? AND f.busted = 0 ORDER BY f.exec_us, f.fill_id`,
    )
    .withBigIntegers()
    .all<FillRow>(key);
  const adjustments = new PositionAdjustments(connection, pair.accountId, pair.instrumentId);
  const ledger = new LedgerBook(connection);
  let position = flat;
  let change = 0n;
  let booked = 0;
  for (const fill of fills) {
    position = adjustments.applyUntil(fill.exec_us, position);
    const step = bookOne({ connection, ledger, pair, instrument }, fill, position);
    position = step.position;
    if (fill.isBooked === 1n) change += step.realized - fill.realized;
    else booked += 1;
  }
  position = adjustments.applyUntil(undefined, position);
  const last = fills.at(-1);
  if (instrument.settlement === 'margin' && change !== 0n) {
    ledger.post({
      accountId: pair.accountId,
      atUs: Number(last?.exec_us ?? 0n),
      kind: 'adjust',
      note: 'fills older than booked ones were imported',
      lines: realizedLines(instrument.quoteAssetId, change),
    });
  }
  writePosition(connection, pair, position, last);
  ledger.flush();
  return booked;
}

function writePosition(connection: Connection, pair: Pair, position: PositionUnits, last: FillRow | undefined): void {
  if (last === undefined) return;
  connection.run(
    `INSERT INTO positions (account_id, instrument_id, qty, cost, realized, last_fill_id, updated_us)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (account_id, instrument_id) DO UPDATE SET qty = excluded.qty, cost = excluded.cost,
       realized = excluded.realized, last_fill_id = excluded.last_fill_id, updated_us = excluded.updated_us`,
    [pair.accountId, pair.instrumentId, position.qty, position.cost, position.realized, last.fill_id, last.exec_us],
  );
}
