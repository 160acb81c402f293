import { parseByteSize } from '../config/byte-size.ts';
import { parseDuration } from '../config/duration.ts';
import { parseShare } from '../config/value.ts';
import { TradedbError } from '../error.ts';
import { alertsAt, parseRange, type Range } from './range.ts';

/** Two limits of one value; `above`: too much is bad, `below`: too little is. */
export interface Threshold {
  readonly warning: number;
  readonly critical: number;
  readonly direction: 'above' | 'below';
  readonly unit: 'bytes' | 'ms' | 'share' | 'count';
  /** Ranges of the plugin convention; where there is one, it decides instead of the limit. */
  readonly ranges?: { readonly warning?: Range | undefined; readonly critical?: Range | undefined };
}

export const thresholdIds = [
  'wal.backlog',
  'wal.reader',
  'lock.contention',
  'backup.age',
  'backup.verified',
  'backup.drill',
  'file.space',
  'freelist.share',
  'database.size',
] as const;
export type ThresholdId = (typeof thresholdIds)[number];
export type ThresholdSet = Readonly<Record<ThresholdId, Threshold>>;

/** The status of `value` against its limits. */
export function judge(value: number, threshold: Threshold): 'ok' | 'warning' | 'critical' {
  const { ranges } = threshold;
  if (ranges !== undefined) {
    if (ranges.critical !== undefined && alertsAt(ranges.critical, value)) return 'critical';
    return ranges.warning !== undefined && alertsAt(ranges.warning, value) ? 'warning' : 'ok';
  }
  const crosses = (limit: number): boolean => (threshold.direction === 'above' ? value >= limit : value < limit);
  if (crosses(threshold.critical)) return 'critical';
  return crosses(threshold.warning) ? 'warning' : 'ok';
}

/**
 * Reads `--threshold wal.backlog=64MiB:512MiB`; either side may be left out to keep its limit. With a comma both sides are
 * ranges of the plugin convention, such as `database.size=1GiB:20GiB,@50GiB:60GiB`; one left out never alerts.
 */
export function withThreshold(set: ThresholdSet, text: string): ThresholdSet {
  const ranged = /^([\w.-]+)=([^,]*),([^,]*)$/.exec(text);
  const rangedId = thresholdIds.find((known) => known === ranged?.[1]);
  if (ranged !== null && rangedId !== undefined) {
    const old = set[rangedId];
    const range = (part: string | undefined): Range | undefined =>
      part === undefined || part.trim() === ''
        ? undefined
        : parseRange(part.trim(), (end) => parseEnd(end, old.unit, text));
    const ranges = { warning: range(ranged[2]), critical: range(ranged[3]) };
    return { ...set, [rangedId]: { ...old, ranges } };
  }
  const match = /^([\w.-]+)=([^:]*):([^:]*)$/.exec(text);
  const id = thresholdIds.find((known) => known === match?.[1]);
  if (match === null || id === undefined) {
    const known = thresholdIds.join(', ');
    throw new TradedbError('usage', `--threshold takes <check>=<warning>:<critical>, not ${JSON.stringify(text)}`, {
      hint:
        match === null && ranged === null
          ? 'such as wal.backlog=64MiB:512MiB, or with ranges database.size=1GiB:20GiB,@50GiB:60GiB'
          : `checks with thresholds: ${known}`,
    });
  }
  const old = set[id];
  const read = (part: string | undefined, before: number): number =>
    part === undefined || part.trim() === '' ? before : parseValue(part, old.unit, text);
  const changed = { ...old, warning: read(match[2], old.warning), critical: read(match[3], old.critical) };
  const ordered = old.direction === 'above' ? changed.warning <= changed.critical : changed.warning >= changed.critical;
  if (!ordered) {
    throw new TradedbError('usage', `--threshold ${text}: critical must be worse than warning`);
  }
  return { ...set, [id]: changed };
}

/** A number alone is in the unit of the performance data: bytes, seconds, percent. */
function parseEnd(text: string, unit: Threshold['unit'], whole: string): number {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return parseValue(text, unit, whole);
  const scale = unit === 'ms' ? 1000 : unit === 'share' ? 0.01 : 1;
  return Number(text) * scale;
}

function parseValue(text: string, unit: Threshold['unit'], whole: string): number {
  try {
    if (unit === 'bytes') return parseByteSize(text);
    if (unit === 'ms') return parseDuration(text);
    if (unit === 'share') return parseShare(text);
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    throw new TradedbError('usage', `--threshold ${JSON.stringify(whole)}: ${error.message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new TradedbError('usage', `--threshold ${JSON.stringify(whole)}: ${JSON.stringify(text)} is not a number`);
}
