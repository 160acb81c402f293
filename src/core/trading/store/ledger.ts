import { TradedbError } from '../../error.ts';
import type { Statement } from '../../sqlite/statement.ts';
import { bound } from '../bound.ts';
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

/** The id of a ledger account; only cash is kept from going below zero, the contra kinds mirror it. */
function ledgerAccountId(session: StoreSession, accountId: number, assetId: number, kind: LedgerKind): number {
  const key = `${accountId}/${assetId}/${kind}`;
  const cached = session.ledgerAccounts.get(key);
  if (cached !== undefined) return cached;
  const found = session.connection.get<{ id: number }>(
    'SELECT ledger_account_id AS id FROM ledger_accounts WHERE account_id = ? AND asset_id = ? AND kind = ?',
    [accountId, assetId, kind],
  );
  if (found !== undefined) {
    session.ledgerAccounts.set(key, found.id);
    return found.id;
  }
  const { lastInsertRowid } = session.connection.run(
    'INSERT INTO ledger_accounts (account_id, asset_id, kind, allow_negative) VALUES (?, ?, ?, ?)',
    [accountId, assetId, kind, kind === 'cash' ? 0 : 1],
  );
  // A rollback would take it away again: nothing that is read from now on may be remembered.
  session.ledgerAccounts.forgetUntilCommit();
  return Number(lastInsertRowid);
}

export interface Entry {
  readonly accountId: number;
  readonly atUs: number;
  readonly kind: 'opening' | 'deposit' | 'withdrawal' | 'fill' | 'bust' | 'funding' | 'corporate' | 'adjust';
  readonly fillId?: number;
  readonly fundingId?: number;
  readonly eventId?: number;
  readonly note?: string;
  readonly lines: readonly Line[];
}

/** Writes an entry with its postings and the balances that follow; returns the journal id. */
export function post(session: StoreSession, entry: Entry): number {
  const { connection } = session;
  const { lastInsertRowid } = connection.run(
    'INSERT INTO journal (ts_us, kind, fill_id, funding_id, event_id, note) VALUES (?, ?, ?, ?, ?, ?)',
    [entry.atUs, entry.kind, entry.fillId ?? null, entry.fundingId ?? null, entry.eventId ?? null, entry.note ?? null],
  );
  const journalId = Number(lastInsertRowid);
  for (const [index, line] of entry.lines.entries()) {
    const ledgerAccount = ledgerAccountId(session, entry.accountId, line.assetId, line.kind);
    connection.run('INSERT INTO postings (journal_id, line, ledger_account_id, amount) VALUES (?, ?, ?, ?)', [
      journalId,
      index + 1,
      ledgerAccount,
      line.amount,
    ]);
    connection.run(
      `INSERT INTO balances (ledger_account_id, amount) VALUES (?, ?)
       ON CONFLICT (ledger_account_id) DO UPDATE SET amount = amount + excluded.amount`,
      [ledgerAccount, line.amount],
    );
  }
  return journalId;
}

interface Cash {
  readonly mayBeNegative: bigint;
  readonly amount: bigint;
  readonly held: bigint;
}

const cashReaders = new WeakMap<StoreSession, Statement>();
const noCash: Cash = { mayBeNegative: 0n, amount: 0n, held: 0n };

function cashOf(session: StoreSession, accountId: number, assetId: number): Cash {
  let statement = cashReaders.get(session);
  if (statement === undefined) {
    // Its own statement: the shared ones of the cache give plain numbers.
    statement = session.connection
      .prepare(
        `SELECT l.allow_negative AS mayBeNegative, coalesce(b.amount, 0) AS amount, coalesce(b.held, 0) AS held
         FROM ledger_accounts l LEFT JOIN balances b USING (ledger_account_id)
         WHERE l.account_id = ${bound} AND l.asset_id = ${bound} AND l.kind = 'cash'`,
      )
      .withBigIntegers();
    cashReaders.set(session, statement);
  }
  return statement.get<Cash>([accountId, assetId]) ?? noCash;
}

/** Throws `insufficient_balance` when the free cash is below `amount`. */
export function requireFree(session: StoreSession, accountId: number, assetId: number, amount: bigint): void {
  const cash = cashOf(session, accountId, assetId);
  const free = cash.amount - cash.held;
  if (cash.mayBeNegative === 1n || free >= amount) return;
  const asset = session.connection.get<Asset>(
    'SELECT asset_id AS assetId, code, scale FROM assets WHERE asset_id = ?',
    [assetId],
  );
  const { code = `asset ${assetId}`, scale = 0 } = asset ?? {};
  const text = (value: bigint): string => `${formatDecimal(value, scale)} ${code}`;
  throw new TradedbError(
    'insufficient_balance',
    `account ${accountId} has ${text(free)} free and needs ${text(amount)}`,
    { details: { accountId, asset: code, free: free.toString(), needed: amount.toString() } },
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
  if (hold.isChecked && delta > 0n) requireFree(session, accountId, assetId, delta);
  session.connection.run(
    `INSERT INTO balances (ledger_account_id, amount, held) VALUES (?, 0, max(0, ?))
     ON CONFLICT (ledger_account_id) DO UPDATE SET held = max(0, held + ?)`,
    [ledgerAccountId(session, accountId, assetId, 'cash'), delta, delta],
  );
}
