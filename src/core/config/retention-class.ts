import { TradedbError } from '../error.ts';
import { parseDuration } from './duration.ts';

/** How long rows of a kind must exist somewhere. A name with a duration, not legal advice. */
export interface RetentionClass {
  readonly name: string;
  /** Null: for ever. */
  readonly ms: number | null;
}

const forEver = 'permanent';

/** The class of this name; `permanent` is always there. Throws `usage` for an unknown one. */
export function retentionClass(name: string, configured: Readonly<Record<string, number>>): RetentionClass {
  const ms = Object.hasOwn(configured, name) ? configured[name] : undefined;
  if (ms !== undefined) return { name, ms };
  if (name === forEver) return { name, ms: null };
  throw new TradedbError('usage', `there is no retention class ${JSON.stringify(name)}`, {
    hint: `one of ${[...Object.keys(configured), forEver].join(', ')}; see trading.retentionClasses`,
  });
}

const dayMs = 86_400_000;
const yearMs = parseDuration('1y');

/** When a class that begins to count at `fromMs` ends; null: never. Whole years are those of the calendar. */
export function classEnd({ ms }: RetentionClass, fromMs: number): number | null {
  if (ms === null) return null;
  if (ms % yearMs !== 0) return fromMs + ms;
  const end = new Date(fromMs);
  return end.setUTCFullYear(end.getUTCFullYear() + ms / yearMs);
}

/** The longest time that a class can mean: years have more days than the average when leap days fall into them. */
export function classLength({ ms }: RetentionClass): number {
  if (ms === null) return Number.POSITIVE_INFINITY;
  const years = ms / yearMs;
  return Number.isInteger(years) ? (365 * years + Math.floor((years + 3) / 4)) * dayMs : ms;
}
