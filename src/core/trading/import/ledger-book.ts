import type { Connection } from '../../sqlite/connection.ts';
import type { Statement } from '../../sqlite/statement.ts';
import type { LedgerKind, Line } from '../store/ledger-lines.ts';

export interface BookEntry {
  readonly accountId: number;
  readonly atUs: number;
  readonly kind: 'fill' | 'fee' | 'funding' | 'opening' | 'adjust';
  readonly fillId?: number;
  readonly fundingId?: number;
  readonly note?: string;
  readonly lines: readonly Line[];
}

/**
 * Entries of imported rows. Balances are summed up and written by `flush`, once for each ledger account, in the same
 * transaction. Cash of an imported account may be negative: its source kept no deposits.
 */
export class LedgerBook {
  readonly #connection: Connection;
  readonly #accounts = new Map<string, number>();
  readonly #moved = new Map<number, bigint>();
  readonly #journal: Statement;
  readonly #posting: Statement;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#journal = connection.prepare(
      'INSERT INTO journal (ts_us, kind, fill_id, funding_id, note) VALUES (?, ?, ?, ?, ?)',
    );
    this.#posting = connection.prepare(
      'INSERT INTO postings (journal_id, line, ledger_account_id, amount) VALUES (?, ?, ?, ?)',
    );
  }

  post(entry: BookEntry): void {
    const { lastInsertRowid } = this.#journal.run([
      entry.atUs,
      entry.kind,
      entry.fillId ?? null,
      entry.fundingId ?? null,
      entry.note ?? null,
    ]);
    let number = 0;
    for (const { assetId, kind, amount } of entry.lines) {
      number += 1;
      const account = this.account(entry.accountId, assetId, kind);
      this.#posting.run([lastInsertRowid, number, account, amount]);
      this.#moved.set(account, (this.#moved.get(account) ?? 0n) + amount);
    }
  }

  account(accountId: number, assetId: number, kind: LedgerKind): number {
    const key = `${accountId}/${assetId}/${kind}`;
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const found = this.#connection.value(
      'SELECT ledger_account_id FROM ledger_accounts WHERE account_id = ? AND asset_id = ? AND kind = ?',
      [accountId, assetId, kind],
    );
    const id = found === undefined ? this.#newAccount(accountId, assetId, kind) : Number(found);
    this.#accounts.set(key, id);
    return id;
  }

  flush(): void {
    for (const [account, amount] of this.#moved) {
      this.#connection.run(
        `INSERT INTO balances (ledger_account_id, amount) VALUES (?, ?)
         ON CONFLICT (ledger_account_id) DO UPDATE SET amount = amount + excluded.amount`,
        [account, amount],
      );
    }
    this.#moved.clear();
  }

  #newAccount(accountId: number, assetId: number, kind: LedgerKind): number {
    const { lastInsertRowid } = this.#connection.run(
      'INSERT INTO ledger_accounts (account_id, asset_id, kind, allow_negative) VALUES (?, ?, ?, 1)',
      [accountId, assetId, kind],
    );
    return Number(lastInsertRowid);
  }
}
