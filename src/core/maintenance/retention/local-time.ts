import { TradedbError } from '../../error.ts';

const minuteMs = 60_000;
/** Clocks are put back by two hours at most, at a quarter of an hour in UTC. */
const foldMs = 3 * 60 * minuteMs;
const quarterMs = 15 * minuteMs;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    const two = '2-digit' as const;
    const fields = { year: 'numeric', month: two, day: two, hour: two, minute: two, second: two } as const;
    try {
      format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', ...fields });
    } catch (error) {
      throw new TradedbError('usage', `${JSON.stringify(zone)} is no time zone`, {
        hint: 'write "UTC", or a name such as "Asia/Shanghai"',
        cause: error,
      });
    }
    formats.set(zone, format);
  }
  return format;
}

/** What clocks of the zone show, as `YYYY-MM-DD HH:MM:SS`. Throws `usage` for a zone that is none. */
export function localTime(zone: string, momentMs: number): string {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(momentMs)
      .map(({ type, value }) => [type, value]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  const day = `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
  return `${day} ${part('hour')}:${part('minute')}:${part('second')}`;
}

/**
 * A local time before which the moment lies however a repeated hour is read: the earliest that clocks show from the
 * moment on. A text below it was written before the moment for certain.
 */
export function safeLocalTime(zone: string, momentMs: number): string {
  let earliest = localTime(zone, momentMs);
  for (let at = (Math.floor(momentMs / quarterMs) + 1) * quarterMs; at <= momentMs + foldMs; at += quarterMs) {
    const later = localTime(zone, at);
    if (later < earliest) earliest = later;
  }
  return earliest;
}
