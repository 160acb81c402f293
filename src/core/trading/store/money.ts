import { TradedbError } from '../../error.ts';
import { formatDecimal, safeInteger } from '../decimal.ts';
import { assetByCode, post, requireFree, unitsOf } from './ledger.ts';
import { fundingLines, transferLines } from './ledger-lines.ts';
import type { StoreSession } from './session.ts';
import type { FundingPayment, Transfer } from './types.ts';

type TransferKind = 'opening' | 'deposit' | 'withdrawal';

/** Books money that comes in or goes out; returns the journal id. A withdrawal needs free cash. */
export function transfer(session: StoreSession, kind: TransferKind, entry: Transfer): number {
  return session.write(() => {
    const asset = assetByCode(session, entry.asset);
    const amount = unitsOf(entry.amount, asset);
    if (amount <= 0n) {
      throw new TradedbError(
        'value_not_representable',
        `a ${kind} of ${formatDecimal(amount, asset.scale)} is not above zero`,
      );
    }
    if (kind === 'withdrawal') requireFree(session, entry.accountId, asset.assetId, amount);
    const atUs = entry.atUs ?? session.nowUs();
    const journalId = post(session, {
      accountId: entry.accountId,
      atUs,
      kind,
      ...(entry.note === undefined ? {} : { note: entry.note }),
      lines: transferLines(asset.assetId, kind === 'withdrawal' ? -amount : amount),
    });
    session.record(
      {
        entity: 'journal',
        entityId: journalId,
        payload: { after: { account_id: entry.accountId, amount, asset: asset.code } },
      },
      { kind: 'transfer', action: kind, accountId: entry.accountId, atUs },
    );
    return journalId;
  });
}

interface StoredPayment {
  readonly funding_id: number;
  readonly amount: number;
  readonly asset_id: number;
}

/** Books a funding payment once; the same payment again gives its id, another amount for the same time an error. */
export function fund(session: StoreSession, payment: FundingPayment): number {
  return session.write(() => {
    const instrument = session.instrument(payment.instrumentId);
    const asset =
      payment.asset === undefined
        ? { assetId: instrument.data.quoteAssetId, scale: instrument.data.quoteScale, code: 'quote asset' }
        : assetByCode(session, payment.asset);
    const amount = unitsOf(payment.amount, asset);
    if (amount === 0n) throw new TradedbError('value_not_representable', 'a funding payment of zero cannot be booked');
    safeInteger(amount, 'funding amount');
    const known = session.connection.get<StoredPayment>(
      `SELECT funding_id, amount, asset_id FROM funding_payments WHERE account_id = ? AND instrument_id = ? AND due_us = ?`,
      [payment.accountId, payment.instrumentId, payment.dueUs],
    );
    if (known === undefined) return bookFunding(session, payment, { assetId: asset.assetId, amount });
    if (BigInt(known.amount) === amount && known.asset_id === asset.assetId) return known.funding_id;
    throw new TradedbError('duplicate_order', `funding of that time is known with another amount`, {
      details: { fundingId: known.funding_id },
    });
  });
}

function bookFunding(
  session: StoreSession,
  payment: FundingPayment,
  money: { assetId: number; amount: bigint },
): number {
  const { accountId, instrumentId, dueUs } = payment;
  const { lastInsertRowid } = session.connection.run(
    `INSERT INTO funding_payments (account_id, instrument_id, due_us, rate_e9, amount, asset_id) VALUES (?, ?, ?, ?, ?, ?)`,
    [accountId, instrumentId, dueUs, payment.rateE9 ?? null, money.amount, money.assetId],
  );
  const fundingId = Number(lastInsertRowid);
  const lines = fundingLines(money.assetId, money.amount);
  post(session, { accountId, atUs: dueUs, kind: 'funding', fundingId, lines });
  session.record(
    { entity: 'funding', entityId: fundingId, payload: { after: { amount: money.amount, due_us: dueUs } } },
    { kind: 'funding', action: 'fund', accountId, instrumentId, atUs: dueUs },
  );
  return fundingId;
}
