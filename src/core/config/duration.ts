import { TradedbError } from '../error.ts';

const unitMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_557_600_000,
};

/** Milliseconds of a text such as `250ms`, `5s`, `1h30m`, `7d`. A bare number is refused, because its unit is a guess. */
export function parseDuration(text: string): number {
  const compact = text.trim();
  const parts = compact.match(/\d+(?:\.\d+)?(?:us|ms|[smhdwy])/g) ?? [];
  if (parts.length === 0 || parts.join('') !== compact) {
    throw new TradedbError('usage', `${JSON.stringify(text)} is not a duration`, {
      hint: 'write a number with a unit: 250ms, 5s, 10m, 6h, 7d',
    });
  }
  return parts.reduce((sum, part) => {
    const [, amount = '', unit = ''] = /^([\d.]+)([a-z]+)$/.exec(part) ?? [];
    return sum + Number(amount) * (unitMs[unit] ?? 0);
  }, 0);
}

/** The shortest exact-enough form of `ms` for people: `850 us`, `12 ms`, `4.2 s`, `3 h 5 m`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms === 0) return '0 s';
  if (ms < 1) return `${Math.round(ms * 1000)} us`;
  if (ms < 1000) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joinUnits(minutes, 'm', Math.round(seconds % 60), 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return joinUnits(hours, 'h', minutes % 60, 'm');
  return joinUnits(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function joinUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
