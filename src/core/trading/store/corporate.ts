import { TradedbError } from '../../error.ts';
import { divideHalfEven, powerOfTen } from '../decimal.ts';
import type { InstrumentData } from '../instrument.ts';
import { baseUnitsOf } from '../units.ts';
import { assetByCode, post, unitsOf } from './ledger.ts';
import { holdingLines, transferLines } from './ledger-lines.ts';
import type { PositionUnits } from './position.ts';
import { readPosition, writePosition } from './position-row.ts';
import type { StoreSession } from './session.ts';
import type { CorporateEvent } from './types.ts';

interface Holder {
  readonly accountId: number;
  readonly position: PositionUnits;
}

/**
 * Records what happened to an instrument and what it did to each open position: a split changes quantities (the cost
 * stays), a dividend pays cash, a delisting ends trading. Open orders are the venue's to cancel. The same event again
 * changes nothing; returns its id.
 */
export function corporate(session: StoreSession, event: CorporateEvent): number {
  return session.write(() => {
    const known = session.connection.value(
      'SELECT event_id FROM corporate_events WHERE instrument_id = ? AND ex_us = ? AND kind = ?',
      [event.instrumentId, event.exUs, event.kind],
    );
    if (known !== undefined) return Number(known);
    const { data } = session.instrument(event.instrumentId);
    const eventId = insertEvent(session, event);
    for (const holder of holders(session, event.instrumentId)) {
      if (event.kind === 'split') split(session, { event, eventId, data, holder });
      if (event.kind === 'dividend') payDividend(session, { event, eventId, data, holder });
    }
    if (event.kind === 'delisting') {
      session.connection.run("UPDATE instruments SET status = 'delisted' WHERE instrument_id = ?", [
        event.instrumentId,
      ]);
    }
    return eventId;
  });
}

function insertEvent(session: StoreSession, event: CorporateEvent): number {
  const isSplit = event.kind === 'split';
  const isDividend = event.kind === 'dividend';
  const asset = isDividend ? assetByCode(session, event.asset) : undefined;
  const amount = isDividend && asset !== undefined ? unitsOf(event.amount, asset) : null;
  const ratio = isSplit ? [event.newUnits, event.oldUnits] : [null, null];
  const { lastInsertRowid } = session.connection.run(
    `INSERT INTO corporate_events (instrument_id, kind, ex_us, ratio_num, ratio_den, amount, asset_id, note)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    [event.instrumentId, event.kind, event.exUs, ...ratio, amount, asset?.assetId ?? null, event.note ?? null],
  );
  const eventId = Number(lastInsertRowid);
  session.record(
    {
      entity: 'corporate',
      entityId: eventId,
      payload: { after: { instrument_id: event.instrumentId, kind: event.kind } },
    },
    { kind: 'corporate', action: event.kind, accountId: 0, instrumentId: event.instrumentId, atUs: event.exUs },
  );
  return eventId;
}

function holders(session: StoreSession, instrumentId: number): Holder[] {
  return session.connection
    .all<{ id: number }>(
      'SELECT account_id AS id FROM positions WHERE instrument_id = ? AND qty <> 0 ORDER BY account_id',
      [instrumentId],
    )
    .map(({ id }) => ({ accountId: id, position: readPosition(session, id, instrumentId) }));
}

interface Effect<K> {
  readonly event: Extract<CorporateEvent, { kind: K }>;
  readonly eventId: number;
  readonly data: InstrumentData;
  readonly holder: Holder;
}

function split(session: StoreSession, { event, eventId, data, holder }: Effect<'split'>): void {
  const { accountId, position } = holder;
  const qty = divideHalfEven(position.qty * BigInt(event.newUnits), BigInt(event.oldUnits));
  // Nothing is left of a position that was too small for a reverse split: its cost goes too.
  const cost = qty === 0n ? 0n : position.cost;
  const delta = { qty: qty - position.qty, cost: cost - position.cost };
  if (delta.qty === 0n && delta.cost === 0n) return;
  const key = { account_id: accountId, instrument_id: data.instrumentId };
  const atUs = session.nowUs();
  session.connection.run('INSERT INTO position_adjustments VALUES (?, ?, ?, ?, ?, ?)', [
    accountId,
    data.instrumentId,
    eventId,
    delta.qty,
    delta.cost,
    atUs,
  ]);
  writePosition(session, key, { qty, cost, realized: position.realized }, null);
  if (delta.qty > BigInt(Number.MAX_SAFE_INTEGER) || -delta.qty > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new TradedbError('value_not_representable', `the split changes a position by ${delta.qty}`);
  }
  const sign = delta.qty < 0n ? -1n : 1n;
  const base = sign * baseUnitsOf(Number(sign * delta.qty), data);
  const lines = holdingLines(data, base);
  if (lines.length > 0) post(session, { accountId, atUs, kind: 'corporate', eventId, lines });
}

function payDividend(session: StoreSession, { event, eventId, data, holder }: Effect<'dividend'>): void {
  const asset = assetByCode(session, event.asset);
  const perUnit = unitsOf(event.amount, asset);
  const amount = divideHalfEven(holder.position.qty * perUnit, powerOfTen(data.qtyScale));
  if (amount === 0n) return;
  const lines = transferLines(asset.assetId, amount);
  post(session, { accountId: holder.accountId, atUs: session.nowUs(), kind: 'corporate', eventId, lines });
}
