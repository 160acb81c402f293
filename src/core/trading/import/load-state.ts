import type { Connection } from '../../sqlite/connection.ts';
import { fundingLines } from '../store/ledger-lines.ts';
import type { LedgerBook } from './ledger-book.ts';
import type { NumberReader } from './number-reader.ts';
import type { Reference } from './references.ts';
import type { TargetCatalog } from './target-catalog.ts';
import { Unfit } from './unfit.ts';
import type { FundingUnit, LockUnit, StateUnit } from './unit.ts';

/** What became of a unit: the id of its row, or why it stays out. `undefined`: it says nothing. */
export type Loaded = number | Unfit | undefined;

/** Writes locks, state and funding payments: small tables whose rows stand alone. */
export class StateLoader {
  readonly #connection: Connection;
  readonly #target: TargetCatalog;
  readonly #ledger: LedgerBook;
  readonly #numbers: NumberReader;

  constructor(connection: Connection, ports: { target: TargetCatalog; ledger: LedgerBook; numbers: NumberReader }) {
    this.#connection = connection;
    this.#target = ports.target;
    this.#ledger = ports.ledger;
    this.#numbers = ports.numbers;
  }

  lock(unit: LockUnit, known: Reference | undefined): Loaded {
    const values = [
      this.#target.accountId(unit.account),
      unit.instrument === undefined ? null : this.#target.instrument(unit.instrument).instrumentId,
      unit.side,
      unit.reason,
      unit.fromUs,
      unit.untilUs,
      unit.isActive ? 1 : 0,
    ];
    if (known !== undefined) {
      const { changes } = this.#connection.run(
        `UPDATE trading_locks SET account_id = ?, instrument_id = ?, side = ?, reason = ?, from_us = ?, until_us = ?,
           active = ? WHERE lock_id = ?`,
        [...values, known.entityId],
      );
      return changes === 1 ? known.entityId : new Unfit('source_changed', 'the imported lock is gone from the target');
    }
    const { lastInsertRowid } = this.#connection.run(
      `INSERT INTO trading_locks (account_id, instrument_id, side, reason, from_us, until_us, active)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      values,
    );
    return Number(lastInsertRowid);
  }

  state(unit: StateUnit, known: Reference | undefined): Loaded {
    const key = [unit.scope, unit.scopeId, unit.key];
    if (known === undefined) {
      const { changes } = this.#connection.run(
        `INSERT INTO engine_state (scope, scope_id, key, value, updated_us) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO NOTHING`,
        [...key, unit.value, unit.updatedUs],
      );
      return changes === 1 ? 0 : new Unfit('duplicate_conflict', `the target has a value for ${unit.key} already`);
    }
    const { changes } = this.#connection.run(
      `UPDATE engine_state SET value = ?, updated_us = ? WHERE scope = ? AND scope_id = ? AND key = ?`,
      [unit.value, unit.updatedUs, ...key],
    );
    return changes === 1 ? 0 : new Unfit('source_changed', 'the imported value is gone from the target');
  }

  funding(unit: FundingUnit, known: Reference | undefined): Loaded {
    const instrument = this.#target.instrument(unit.instrument);
    const amount = this.#numbers.rounded(unit.amount, instrument.quoteScale);
    if (Number.isNaN(amount)) return this.#numbers.unfit('amount', unit.amount, instrument.quoteScale);
    if (amount === 0) return undefined;
    if (known !== undefined) return this.#sameFunding(unit, known, amount);
    const rate = unit.rate === null ? null : this.#numbers.rounded(unit.rate, 9);
    if (rate !== null && Number.isNaN(rate)) return this.#numbers.unfit('rate', unit.rate, 9);
    const accountId = this.#target.accountId(unit.account);
    const { changes, lastInsertRowid } = this.#connection.run(
      `INSERT INTO funding_payments (account_id, instrument_id, due_us, rate_e9, amount, asset_id)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      [accountId, instrument.instrumentId, unit.dueUs, rate, amount, instrument.quoteAssetId],
    );
    if (changes === 0) return new Unfit('duplicate_conflict', 'another payment has this instrument and time');
    const fundingId = Number(lastInsertRowid);
    const lines = fundingLines(instrument.quoteAssetId, BigInt(amount));
    this.#ledger.post({ accountId, atUs: unit.dueUs, kind: 'funding', fundingId, lines });
    return fundingId;
  }

  /** A payment is booked: only what does not touch it may differ. */
  #sameFunding(unit: FundingUnit, known: Reference, amount: number): Loaded {
    const stored = this.#connection.get<{ amount: number; due_us: number }>(
      'SELECT amount, due_us FROM funding_payments WHERE funding_id = ?',
      [known.entityId],
    );
    if (stored?.amount === amount && stored.due_us === unit.dueUs) return known.entityId;
    return new Unfit('source_changed', 'the payment has another amount or time');
  }
}
