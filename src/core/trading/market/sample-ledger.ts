import type { Connection } from '../../sqlite/connection.ts';
import type { LedgerKind, Line } from '../store/ledger-lines.ts';
import { flat, type PositionUnits } from '../store/position.ts';
import type { SampleBatch } from './row-sink.ts';

interface LedgerAccount {
  readonly id: number;
  readonly accountId: number;
  readonly assetId: number;
  readonly kind: LedgerKind;
  balance: bigint;
}

interface OpenPosition {
  readonly accountId: number;
  readonly instrumentId: number;
  units: PositionUnits;
  lastFillId: number;
  updatedUs: number;
}

/** Positions, ledger accounts and balances of the sample market, in memory until the end; entries go out at once. */
export class SampleLedger {
  readonly #accounts = new Map<string, LedgerAccount>();
  readonly #positions = new Map<number, OpenPosition>();
  #entries = 0;

  position(accountId: number, instrumentId: number): PositionUnits {
    return this.#positions.get(accountId * 100_000 + instrumentId)?.units ?? flat;
  }

  setPosition(
    key: { readonly accountId: number; readonly instrumentId: number },
    units: PositionUnits,
    fill: { readonly fillId: number; readonly atUs: number },
  ): void {
    const known = this.#positions.get(key.accountId * 100_000 + key.instrumentId);
    if (known === undefined) {
      this.#positions.set(key.accountId * 100_000 + key.instrumentId, {
        ...key,
        units,
        lastFillId: fill.fillId,
        updatedUs: fill.atUs,
      });
      return;
    }
    known.units = units;
    known.lastFillId = fill.fillId;
    known.updatedUs = fill.atUs;
  }

  openPositions(): Iterable<OpenPosition> {
    return this.#positions.values();
  }

  /** Writes an entry into the batch and moves the balances. */
  post(
    batch: SampleBatch,
    entry: { atUs: number; kind: string; fillId: number | null; fundingId: number | null; accountId: number },
    lines: readonly Line[],
  ): void {
    this.#entries += 1;
    batch.journal.push([this.#entries, entry.atUs, entry.kind, entry.fillId, entry.fundingId, null, null]);
    let number = 0;
    for (const line of lines) {
      number += 1;
      const account = this.#account(entry.accountId, line.assetId, line.kind);
      account.balance += line.amount;
      batch.postings.push([this.#entries, number, account.id, line.amount]);
    }
  }

  #account(accountId: number, assetId: number, kind: LedgerKind): LedgerAccount {
    const key = `${accountId}/${assetId}/${kind}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { id: this.#accounts.size + 1, accountId, assetId, kind, balance: 0n };
      this.#accounts.set(key, account);
    }
    return account;
  }

  /** Writes ledger accounts, balances and positions as they stand at the end; returns the rows by table. */
  store(connection: Connection): Record<string, number> {
    return connection.tx(() => {
      for (const { id, accountId, assetId, kind, balance } of this.#accounts.values()) {
        connection.run('INSERT INTO ledger_accounts VALUES (?, ?, ?, ?, ?)', [
          id,
          accountId,
          assetId,
          kind,
          kind === 'cash' ? 0 : 1,
        ]);
        connection.run('INSERT INTO balances (ledger_account_id, amount) VALUES (?, ?)', [id, balance]);
      }
      for (const { accountId, instrumentId, units, lastFillId, updatedUs } of this.#positions.values()) {
        connection.run('INSERT INTO positions VALUES (?, ?, ?, ?, ?, ?, ?)', [
          accountId,
          instrumentId,
          units.qty,
          units.cost,
          units.realized,
          lastFillId,
          updatedUs,
        ]);
      }
      const accounts = this.#accounts.size;
      return { ledger_accounts: accounts, balances: accounts, positions: this.#positions.size };
    });
  }
}
