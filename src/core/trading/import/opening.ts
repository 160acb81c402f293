import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { parseDecimal } from '../decimal.ts';
import { transferLines } from '../store/ledger-lines.ts';
import type { SourceAccount } from './catalog.ts';
import { LedgerBook } from './ledger-book.ts';
import type { TargetCatalog } from './target-catalog.ts';

/** What an account held before its first order. */
export interface Opening {
  readonly asset: string;
  /** Decimal text, above zero. */
  readonly amount: string;
}

/** `USDT=1000.50` as typed. Throws `usage`. */
export function parseOpening(text: string): Opening {
  const match = /^([^=\s]+)=(\d+(?:\.\d+)?)$/.exec(text);
  if (match?.[1] !== undefined && match[2] !== undefined && Number(match[2]) > 0) {
    return { asset: match[1], amount: match[2] };
  }
  throw new TradedbError('usage', `--opening ${JSON.stringify(text)} is no asset with an amount above zero`, {
    hint: 'write it like USDT=1000.50',
  });
}

/** Throws `usage` unless there is exactly one account that the amounts can belong to. */
export function accountOfOpenings(accounts: readonly SourceAccount[]): SourceAccount {
  const [account, other] = accounts;
  if (account !== undefined && other === undefined) return account;
  const names = accounts.map(({ venue, name, mode }) => `${venue}/${name}/${mode}`).join(', ');
  throw new TradedbError('usage', `--opening needs one account, the source has ${accounts.length}: ${names}`, {
    hint: 'book deposits through the order store instead',
  });
}

/**
 * Books opening balances once, at the time of the first order. Cash that is not below zero afterwards is held to that from
 * then on. Returns how many were booked.
 */
export function bookOpenings(
  connection: Connection,
  target: TargetCatalog,
  account: SourceAccount,
  openings: readonly Opening[],
): number {
  const accountId = target.accountId(account);
  const first = connection.value('SELECT min(created_us) FROM orders WHERE account_id = ?', [accountId]);
  const atUs = Number(first ?? connection.ports.clock.wallTime() * 1000);
  let booked = 0;
  connection.tx(() => {
    const ledger = new LedgerBook(connection);
    for (const { asset: code, amount } of openings) {
      const asset = target.asset(code);
      const cash = ledger.account(accountId, asset.assetId, 'cash');
      const isBooked = connection.value(
        `SELECT 1 FROM postings p JOIN journal j USING (journal_id) WHERE p.ledger_account_id = ? AND j.kind = 'opening'`,
        [cash],
      );
      if (isBooked !== undefined) continue;
      const lines = transferLines(asset.assetId, parseDecimal(amount, asset.scale));
      ledger.post({ accountId, atUs, kind: 'opening', note: 'before the first imported order', lines });
      ledger.flush();
      connection.run(
        `UPDATE ledger_accounts SET allow_negative = 0 WHERE ledger_account_id = ? AND EXISTS (
           SELECT 1 FROM balances b WHERE b.ledger_account_id = ledger_accounts.ledger_account_id AND b.amount >= b.held)`,
        [cash],
      );
      booked += 1;
    }
  });
  return booked;
}
