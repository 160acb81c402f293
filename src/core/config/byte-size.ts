import { TradedbError } from '../error.ts';

const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** Bytes of a text such as `64MiB`, `1.5GB`, `4096B`. A bare number is refused, because its unit is a guess. */
export function parseByteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?b|b)$/i.exec(text.trim());
  const unit = unitBytes[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined) {
    throw new TradedbError('usage', `${JSON.stringify(text)} is not a size`, {
      hint: 'write a number with a unit: 4096B, 64KiB, 16MiB, 1GB',
    });
  }
  return Math.round(Number(match[1]) * unit);
}

/** Bytes for people, in units of 1000: `512 B`, `8.4 MB`, `1.04 GB`. */
export function formatByteSize(bytes: number): string {
  if (bytes < 0) return `-${formatByteSize(-bytes)}`;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
