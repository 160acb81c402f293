import { DecimalText } from '../mapping/decimal-text.ts';

/** Values of foreign rows as exact integers of 10^-12: fine enough for any price or quantity a bot keeps. */

export const exactScale = 12;
export const exactOne = 1_000_000_000_000n;
const text = new DecimalText();

/** The decimal that a REAL shows, or that text or an integer is; undefined when it is no number. Noise below 10^-12 goes. */
export function exactOf(value: unknown): bigint | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined;
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'string') return undefined;
  return text.parse(String(value), 0) ? text.rounded(exactScale) : undefined;
}

/** The same, 0 for NULL and for what is no number. */
export function exactOrZero(value: unknown): bigint {
  return exactOf(value) ?? 0n;
}

/** Decimals that the value is written with, at most 12. */
export function decimalsOf(value: unknown): number {
  return value !== null && text.parse(String(value), 0) ? Math.min(text.decimals, exactScale) : 0;
}
