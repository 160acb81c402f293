import { Zone } from './zone.ts';

/**
 * Times of a foreign file as UTC microseconds: ISO text of any width with or without an offset, and numbers whose unit
 * is told or seen by their size.
 */

export type TimeUnit = 's' | 'ms' | 'us' | 'ns';

/**
 * How the last value was read. `repeated`: a local hour that came twice, taken at its first time; `finer`: digits below
 * a microsecond were left out. The last two are reasons why there is no time.
 */
export type TimeOutcome = 'exact' | 'repeated' | 'finer' | 'bad_time' | 'time_out_of_range';

export interface TimeRange {
  readonly fromUs: number;
  readonly toUs: number;
}

/** What `orders.created_us` allows: a wrong unit falls outside. */
export const orderTimes: TimeRange = { fromUs: 946_684_800_000_000, toUs: 4_102_444_800_000_000 };

const usPerUnit: Readonly<Record<TimeUnit, number>> = { s: 1e6, ms: 1e3, us: 1, ns: 1e-3 };
const usPerMs = 1000;
const usPerMinute = 60_000_000;
const daysBeforeMonth = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const integerText = /^-?\d{9,19}$/;
const fractionText = /^-?\d{9,10}\.\d+$/;

/** The unit that a number of this size is in. */
export function unitByMagnitude(value: number): TimeUnit {
  const size = Math.abs(value);
  if (size < 1e11) return 's';
  if (size < 1e14) return 'ms';
  return size < 1e17 ? 'us' : 'ns';
}

/**
 * Reads values one after the other. It is an object so that the usual path allocates nothing: the microseconds are
 * returned, NaN when there are none, and `outcome` and `unit` tell how it went.
 */
export class SourceTime {
  outcome: TimeOutcome = 'exact';
  /** What the last value was: text, or a number in this unit. */
  unit: TimeUnit | 'text' = 'text';
  readonly #zone: Zone;
  readonly #range: TimeRange;
  /** Fraction of the last text, and whether it had digits beyond that. */
  #micros = 0;
  #isFiner = false;

  /** `zone`: an IANA name, for text without an offset. Throws `usage` when there is no such zone. */
  constructor(zone: string, range: TimeRange = orderTimes) {
    this.#zone = new Zone(zone);
    this.#range = range;
  }

  /** Microseconds of a value whose form shows what it is. */
  read(value: unknown): number {
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'number') return this.#number(value, unitByMagnitude(value));
    if (typeof value === 'bigint') return this.#integer(value, unitByMagnitude(Number(value)));
    return this.#fail('bad_time');
  }

  /** Microseconds of a number in a known unit; text may hold the digits. */
  readUnit(value: unknown, unit: TimeUnit): number {
    if (typeof value === 'number') return this.#number(value, unit);
    if (typeof value === 'bigint') return this.#integer(value, unit);
    if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) return this.#integer(BigInt(value), unit);
    if (typeof value === 'string' && /^-?\d{1,15}\.\d{1,9}$/.test(value)) return this.#number(Number(value), unit);
    return this.#fail('bad_time');
  }

  #number(value: number, unit: TimeUnit): number {
    this.unit = unit;
    if (!Number.isFinite(value) || value <= 0) return this.#fail('bad_time');
    if (unit === 'ns') return this.#integer(BigInt(Math.round(value)), unit);
    // A REAL of seconds has its microseconds as its last digits: the nearest one is the one that was written.
    return this.#checked(Math.round(value * usPerUnit[unit]), false);
  }

  #integer(value: bigint, unit: TimeUnit): number {
    this.unit = unit;
    if (value <= 0n) return this.#fail('bad_time');
    if (unit !== 'ns') return this.#checked(Number(value) * usPerUnit[unit], false);
    return this.#checked(Number(value / 1000n), value % 1000n !== 0n);
  }

  #text(text: string): number {
    this.unit = 'text';
    this.outcome = 'bad_time';
    return text.charCodeAt(4) === dash ? this.#iso(text) : this.#numberText(text);
  }

  #numberText(text: string): number {
    // A number of so few digits is exact, and much faster.
    if (integerText.test(text)) return this.read(text.length <= 15 ? Number(text) : BigInt(text));
    if (fractionText.test(text)) return this.read(Number(text));
    return this.#fail('bad_time');
  }

  /** Microseconds of `YYYY-MM-DD[(T| )HH:MM[:SS[.digits]]][offset]`; NaN when it is something else, a leap second too. */
  #iso(text: string): number {
    const day = dayOf(text);
    if (Number.isNaN(day)) return Number.NaN;
    if (text.length === 10) return this.#atZone(day * 86_400_000, 0, false);
    const separator = text.charCodeAt(10);
    if (separator !== letterT && separator !== space) return Number.NaN;
    const hour = twoDigits(text, 11);
    const minute = twoDigits(text, 14);
    if (!(hour <= 23 && minute <= 59) || text.charCodeAt(13) !== colon) return Number.NaN;
    let seconds = 0;
    let at = 16;
    if (text.charCodeAt(at) === colon) {
      seconds = twoDigits(text, 17);
      if (!(seconds <= 59)) return Number.NaN;
      at = 19;
    }
    const wholeMs = day * 86_400_000 + (hour * 60 + minute) * 60_000 + seconds * 1000;
    const afterFraction = this.#fraction(text, at);
    if (afterFraction < 0) return Number.NaN;
    return afterFraction === text.length
      ? this.#atZone(wholeMs, this.#micros, this.#isFiner)
      : this.#atOffset(wholeMs, text, afterFraction);
  }

  /** Reads `.digits` at `at` into `#micros`; returns where it ends, -1 when the point has no digits. */
  #fraction(text: string, at: number): number {
    this.#micros = 0;
    this.#isFiner = false;
    if (at < 19 || text.charCodeAt(at) !== point) return at;
    let weight = 100_000;
    let next = at + 1;
    for (; next < text.length; next += 1) {
      const digit = text.charCodeAt(next) - zero;
      if (!(digit >= 0 && digit <= 9)) break;
      if (weight >= 1) this.#micros += digit * weight;
      else if (digit > 0) this.#isFiner = true;
      weight /= 10;
    }
    return next === at + 1 ? -1 : next;
  }

  #atZone(wholeMs: number, micros: number, isFiner: boolean): number {
    const utc = this.#zone.utcOf(wholeMs);
    if (Number.isNaN(utc)) return this.#fail('bad_time');
    const us = this.#checked(utc * usPerMs + micros, isFiner);
    if (this.#zone.kind === 'repeated' && !Number.isNaN(us)) this.outcome = 'repeated';
    return us;
  }

  #atOffset(wholeMs: number, text: string, at: number): number {
    const minutes = offsetMinutes(text, at);
    if (Number.isNaN(minutes)) return Number.NaN;
    return this.#checked(wholeMs * usPerMs + this.#micros - minutes * usPerMinute, this.#isFiner);
  }

  #checked(us: number, isFiner: boolean): number {
    if (!(us >= this.#range.fromUs && us <= this.#range.toUs)) return this.#fail('time_out_of_range');
    this.outcome = isFiner ? 'finer' : 'exact';
    return us;
  }

  #fail(outcome: 'bad_time' | 'time_out_of_range'): number {
    this.outcome = outcome;
    return Number.NaN;
  }
}

const zero = 48;
const dash = 45;
const plus = 43;
const colon = 58;
const point = 46;
const space = 32;
const letterT = 84;

/** NaN unless both characters are digits. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - zero;
  const ones = text.charCodeAt(at + 1) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Days since 1970 of the `YYYY-MM-DD` at the start; NaN when there is no such day. */
function dayOf(text: string): number {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1) || text.charCodeAt(7) !== dash) return Number.NaN;
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const before = (daysBeforeMonth[month - 1] ?? 0) + (isLeap && month > 2 ? 1 : 0);
  const next = month === 12 ? 365 : (daysBeforeMonth[month] ?? 0);
  const length = next - (daysBeforeMonth[month - 1] ?? 0) + (isLeap && month === 2 ? 1 : 0);
  if (day > length) return Number.NaN;
  const past = year - 1;
  const leapDays = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
  return past * 365 + leapDays + before + day - 1 - 719_162;
}

/** Minutes east of UTC of `Z`, `+HH`, `+HHMM`, `+HH:MM` at `at`; NaN for anything else. */
function offsetMinutes(text: string, at: number): number {
  const rest = text.length - at;
  const code = text.charCodeAt(at);
  if (code === 90 || code === 122) return rest === 1 ? 0 : Number.NaN;
  if (code !== plus && code !== dash) return Number.NaN;
  const hours = twoDigits(text, at + 1);
  let minutes = Number.NaN;
  if (rest === 3) minutes = 0;
  else if (rest === 5) minutes = twoDigits(text, at + 3);
  else if (rest === 6 && text.charCodeAt(at + 3) === colon) minutes = twoDigits(text, at + 4);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (code === dash ? -1 : 1) * (hours * 60 + minutes);
}
