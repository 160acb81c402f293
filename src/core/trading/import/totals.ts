import { SourceNumber } from '../mapping/source-number.ts';
import type { SourceAccount, SourceInstrument } from './catalog.ts';
import type { RawValue } from './raw-value.ts';
import type { CountCheck, SumCheck, TotalsRecorder } from './source.ts';
import type { TargetCatalog } from './target-catalog.ts';

/** One figure to compare. Values are integers at `scale`. */
export interface Total {
  readonly check: CountCheck | SumCheck;
  readonly account: string | null;
  readonly instrument: string | null;
  readonly asset: string | null;
  readonly scale: number;
  value: bigint;
  tolerance: bigint;
}

interface Of {
  readonly account?: SourceAccount | undefined;
  readonly instrument?: SourceInstrument | undefined;
  readonly asset?: string | undefined;
}

/** Sums figures of one side of the reconciliation. Both sides name accounts and instruments of one catalogue. */
export class Totals implements TotalsRecorder {
  readonly #target: TargetCatalog;
  readonly #numbers = new SourceNumber();
  readonly #totals = new Map<string, Total>();

  constructor(target: TargetCatalog) {
    this.#target = target;
  }

  count(check: CountCheck, of: Of, rows: number): void {
    this.#of(check, of, 0).value += BigInt(rows);
  }

  quantity(check: SumCheck, of: Of & { readonly instrument: SourceInstrument }, value: RawValue, units = 0): void {
    const total = this.#of(check, of, this.#target.instrument(of.instrument).qtyScale);
    total.value += this.#units(value, total.scale);
    total.tolerance += BigInt(units);
  }

  money(check: SumCheck, of: Of & { readonly asset: string }, value: RawValue, units = 1): void {
    const total = this.#of(check, of, this.#target.asset(of.asset).scale);
    total.value += this.#units(value, total.scale);
    total.tolerance += BigInt(units);
  }

  /** Adds integers of the target as they are. */
  add(check: CountCheck | SumCheck, of: Of & { readonly scale: number }, value: bigint): void {
    this.#of(check, of, of.scale).value += value;
  }

  get(key: string): Total | undefined {
    return this.#totals.get(key);
  }

  entries(): Iterable<readonly [string, Total]> {
    return this.#totals;
  }

  /** True when the check was given for anything. */
  has(check: string): boolean {
    return [...this.#totals.values()].some((total) => total.check === check);
  }

  /** Money and products are rounded to the nearest unit; what is no number counts as none. */
  #units(value: RawValue, scale: number): bigint {
    const big = this.#numbers.readBig(value, scale);
    if (big !== undefined) return big;
    const rounded = this.#numbers.readRounded(value, scale);
    return Number.isNaN(rounded) ? 0n : BigInt(rounded);
  }

  #of(check: CountCheck | SumCheck, { account, instrument, asset }: Of, scale: number): Total {
    const key = `${check}|${account?.index ?? ''}|${instrument?.index ?? ''}|${asset ?? ''}`;
    let total = this.#totals.get(key);
    if (total === undefined) {
      total = {
        check,
        account: account === undefined ? null : `${account.venue}/${account.name}/${account.mode}`,
        instrument: instrument === undefined ? null : `${instrument.symbol} ${instrument.kind}`,
        asset: asset ?? null,
        scale,
        value: 0n,
        tolerance: 0n,
      };
      this.#totals.set(key, total);
    }
    return total;
  }
}
