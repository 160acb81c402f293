import { TradedbError } from '../../error.ts';

/**
 * Wall-clock times of an IANA zone as UTC. The zone's rules come from the Node that runs; they are asked once for a
 * year, and kept as the stretches between two changes of the clock.
 */

/** Between two changes of the clock; milliseconds. */
interface Stretch {
  readonly startUtc: number;
  readonly endUtc: number;
  /** Local time minus UTC. */
  readonly offset: number;
}

/** What a wall-clock time is in its zone. `repeated`: the clock showed it twice; the earlier instant is taken. */
export type LocalKind = 'once' | 'repeated' | 'skipped';

const msPerDay = 86_400_000;
const noChange: Stretch = { startUtc: Number.NEGATIVE_INFINITY, endUtc: Number.POSITIVE_INFINITY, offset: 0 };

export class Zone {
  readonly name: string;
  /** How the last time was found. */
  kind: LocalKind = 'once';
  readonly #format: Intl.DateTimeFormat | undefined;
  readonly #years = new Map<number, readonly Stretch[]>();
  /** Where local times are clear and `#offset` holds: most times fall where the last one fell. */
  #clearFrom = 0;
  #clearTo = 0;
  #offset = 0;

  /** Throws `usage` for a name that is no zone. */
  constructor(name: string) {
    this.name = name;
    this.#format = name === 'UTC' ? undefined : formatOf(name);
    if (this.#format === undefined) {
      this.#clearFrom = Number.NEGATIVE_INFINITY;
      this.#clearTo = Number.POSITIVE_INFINITY;
    }
  }

  /** UTC of a local time, both in milliseconds of which local ones are counted as if they were UTC; NaN when skipped. */
  utcOf(local: number): number {
    this.kind = 'once';
    if (local >= this.#clearFrom && local < this.#clearTo) return local - this.#offset;
    const matches = this.#around(local).filter(
      ({ startUtc, endUtc, offset }) => local - offset >= startUtc && local - offset < endUtc,
    );
    const first = matches[0];
    if (first === undefined) {
      this.kind = 'skipped';
      return Number.NaN;
    }
    if (matches.length > 1) this.kind = 'repeated';
    else this.#remember(first, local);
    return local - first.offset;
  }

  /** Local time minus UTC at an instant, in milliseconds. */
  offsetAt(utc: number): number {
    if (this.#format === undefined) return 0;
    return this.#around(utc).find(({ startUtc, endUtc }) => utc >= startUtc && utc < endUtc)?.offset ?? 0;
  }

  /** Stretches of the year of `time` and what adjoins it, in order. */
  #around(time: number): readonly Stretch[] {
    if (this.#format === undefined) return [noChange];
    const year = new Date(time).getUTCFullYear();
    const known = this.#years.get(year);
    if (known !== undefined) return known;
    const stretches = stretchesOf(
      this.#format,
      Date.UTC(year, 0, 1) - 2 * msPerDay,
      Date.UTC(year + 1, 0, 1) + 2 * msPerDay,
    );
    this.#years.set(year, stretches);
    return stretches;
  }

  #remember(stretch: Stretch, local: number): void {
    const all = this.#around(local);
    const at = all.indexOf(stretch);
    const before = all[at - 1]?.offset ?? stretch.offset;
    const after = all[at + 1]?.offset ?? stretch.offset;
    this.#clearFrom = stretch.startUtc + Math.max(before, stretch.offset);
    this.#clearTo = stretch.endUtc + Math.min(after, stretch.offset);
    this.#offset = stretch.offset;
  }
}

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (cause) {
    throw new TradedbError('usage', `${JSON.stringify(name)} is no time zone`, {
      hint: 'use a name of the IANA list, such as Asia/Shanghai, America/New_York or UTC',
      cause,
    });
  }
}

/** A day at a time, because no zone changes its clock twice within one; the change itself is found by halving. */
function stretchesOf(format: Intl.DateTimeFormat, from: number, to: number): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let startUtc = from;
  let offset = offsetOf(format, from);
  for (let day = from; day < to; day += msPerDay) {
    const next = offsetOf(format, day + msPerDay);
    if (next === offset) continue;
    let low = day;
    let high = day + msPerDay;
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (offsetOf(format, middle) === offset) low = middle;
      else high = middle;
    }
    stretches.push({ startUtc, endUtc: high, offset });
    startUtc = high;
    offset = next;
  }
  stretches.push({ startUtc, endUtc: to, offset });
  return stretches;
}

function offsetOf(format: Intl.DateTimeFormat, utc: number): number {
  const part = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((candidate) => candidate.type === type)?.value);
  const parts = format.formatToParts(utc);
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return local - Math.floor(utc / 1000) * 1000;
}
