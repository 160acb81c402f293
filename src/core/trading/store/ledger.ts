import { TradedbError } from '../../error.ts';
import { formatDecimal, parseDecimal } from '../decimal.ts';
import type { Hold } from './hold.ts';
import type { LedgerKind, Line } from './ledger-lines.ts';
import type { StoreSession } from './session.ts';
import type { Amount } from './types.ts';

export interface Asset {
  readonly assetId: number;
  readonly code: string;
  readonly scale: number;
}

export function assetByCode(session: StoreSession, code: string): Asset {
  const asset = session.connection.get<Asset>('SELECT asset_id AS assetId, code, scale FROM assets WHERE code = ?', [
    code,
  ]);
  if (asset === undefined) {
    throw new TradedbError('value_not_representable', `there is no asset ${JSON.stringify(code)}`, {
      hint: 'add it to the table assets first',
    });
  }
  return asset;
}

/** Units of the asset; text must fit its scale. */
export function unitsOf(amount: Amount, asset: Asset): bigint {
  return typeof amount === 'bigint' ? amount : parseDecimal(amount, asset.scale);
}

interface LedgerAccount {
  readonly id: number;
  readonly mayBeNegative: number;
}

/** Only cash is kept from going below zero; the contra kinds mirror it. */
function ledgerAccount(session: StoreSession, accountId: number, assetId: number, kind: LedgerKind): LedgerAccount {
  const found = session.connection.get<LedgerAccount>(
    `SELECT ledger_account_id AS id, allow_negative AS mayBeNegative FROM ledger_accounts
     WHERE account_id = ? AND asset_id = ? AND kind = ?`,
    [accountId, assetId, kind],
  );
  if (found !== undefined) return found;
  const mayBeNegative = kind === 'cash' ? 0 : 1;
  const { lastInsertRowid } = session.connection.run(
    'INSERT INTO ledger_accounts (account_id, asset_id, kind, allow_negative) VALUES (?, ?, ?, ?)',
    [accountId, assetId, kind, mayBeNegative],
  );
  return { id: Number(lastInsertRowid), mayBeNegative };
}

export interface Entry {
  readonly accountId: number;
  readonly atUs: number;
  readonly kind: 'opening' | 'deposit' | 'withdrawal' | 'fill' | 'bust' | 'funding' | 'adjust';
  readonly fillId?: number;
  readonly fundingId?: number;
  readonly note?: string;
  readonly lines: readonly Line[];
}

/** Writes an entry with its postings and the balances that follow; returns the journal id. */
export function post(session: StoreSession, entry: Entry): number {
  const { connection } = session;
  const { lastInsertRowid } = connection.run(
    'INSERT INTO journal (ts_us, kind, fill_id, funding_id, note) VALUES (?, ?, ?, ?, ?)',
    [entry.atUs, entry.kind, entry.fillId ?? null, entry.fundingId ?? null, entry.note ?? null],
  );
  const journalId = Number(lastInsertRowid);
  for (const [index, line] of entry.lines.entries()) {
    const account = ledgerAccount(session, entry.accountId, line.assetId, line.kind);
    connection.run('INSERT INTO postings (journal_id, line, ledger_account_id, amount) VALUES (?, ?, ?, ?)', [
      journalId,
      index + 1,
      account.id,
      line.amount,
    ]);
    connection.run(
      `INSERT INTO balances (ledger_account_id, amount) VALUES (?, ?)
       ON CONFLICT (ledger_account_id) DO UPDATE SET amount = amount + excluded.amount`,
      [account.id, line.amount],
    );
  }
  return journalId;
}

interface BalanceRow {
  readonly amount: bigint;
  readonly held: bigint;
}

const bigBalances = new WeakMap<StoreSession, ReturnType<StoreSession['connection']['prepare']>>();

function balanceOf(session: StoreSession, ledgerAccountId: number): BalanceRow {
  let statement = bigBalances.get(session);
  if (statement === undefined) {
    // Its own statement: the shared ones of the cache give plain numbers.
    statement = session.connection
      .prepare('SELECT amount, held FROM balances WHERE ledger_account_id = ?')
      .withBigIntegers();
    bigBalances.set(session, statement);
  }
  return statement.get<BalanceRow>([ledgerAccountId]) ?? { amount: 0n, held: 0n };
}

/** Throws `insufficient_balance` when the free cash is below `amount`. */
export function requireFree(session: StoreSession, accountId: number, asset: Asset, amount: bigint): void {
  const account = ledgerAccount(session, accountId, asset.assetId, 'cash');
  if (account.mayBeNegative === 1) return;
  const { amount: balance, held } = balanceOf(session, account.id);
  if (balance - held >= amount) return;
  const text = (value: bigint): string => `${formatDecimal(value, asset.scale)} ${asset.code}`;
  throw new TradedbError(
    'insufficient_balance',
    `account ${accountId} has ${text(balance - held)} free and needs ${text(amount)}`,
    { details: { accountId, asset: asset.code, free: (balance - held).toString(), needed: amount.toString() } },
  );
}

/** Moves the held part of a balance from what an order kept back before to what it keeps back now. */
export function moveHold(
  session: StoreSession,
  accountId: number,
  hold: { readonly before: Hold | undefined; readonly after: Hold | undefined; readonly isChecked: boolean },
): void {
  const assetId = hold.after?.assetId ?? hold.before?.assetId;
  const delta = (hold.after?.amount ?? 0n) - (hold.before?.amount ?? 0n);
  if (assetId === undefined || delta === 0n) return;
  if (hold.isChecked && delta > 0n) {
    const asset = session.connection.get<Asset>(
      'SELECT asset_id AS assetId, code, scale FROM assets WHERE asset_id = ?',
      [assetId],
    );
    if (asset !== undefined) requireFree(session, accountId, asset, delta);
  }
  const account = ledgerAccount(session, accountId, assetId, 'cash');
  session.connection.run(
    `INSERT INTO balances (ledger_account_id, amount, held) VALUES (?, 0, max(0, ?))
     ON CONFLICT (ledger_account_id) DO UPDATE SET held = max(0, held + ?)`,
    [account.id, delta, delta],
  );
}
