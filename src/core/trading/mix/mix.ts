import type { MixSession } from './session.ts';

/** Where a transaction takes its chance from: the same transaction number always draws the same values. */
export interface Draw {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform whole number from 0 to `n` - 1. */
  integer(n: number): number;
  /** Whole number from 1 to `n`, small ones more often the larger `theta` is. */
  zipf(n: number, theta: number): number;
}

export type MixParameters = Readonly<Record<string, number | string | bigint | null>>;

/** One kind of transaction of a load mix. */
export interface MixTransaction {
  readonly name: string;
  /** Only the ratio to the other weights counts. */
  readonly weight: number;
  /** Pure: depends on `draw` and `k` alone. */
  parameters(draw: Draw, k: number): MixParameters;
  /** Does it through the order store; returns after COMMIT. */
  run(session: MixSession, parameters: MixParameters): void;
}

export interface Mix {
  readonly name: string;
  readonly transactions: readonly MixTransaction[];
}

export const zipfTheta = 0.99;
/** Ranks that are drawn; a market with fewer instruments folds them. */
export const instrumentRanks = 100;

export const numberOf = (parameters: MixParameters, name: string): number => Number(parameters[name] ?? 0);

/** Account, instrument and details of an order: what every order transaction draws. */
export function orderParameters(draw: Draw): MixParameters {
  return {
    account: draw.uniform(),
    instrument: draw.zipf(instrumentRanks, zipfTheta),
    isBuy: draw.uniform() < 0.5 ? 1 : 0,
    offset: draw.integer(50),
    lots: 1 + draw.integer(100),
    pick: draw.uniform(),
  };
}
