const minuteUs = 60_000_000;
export const sessionMinutes = 390;

/** The Sunday that is the `nth` of a month, as midnight UTC in milliseconds. */
function nthSunday(year: number, month: number, nth: number): number {
  const first = Date.UTC(year, month, 1);
  const untilSunday = (7 - new Date(first).getUTCDay()) % 7;
  return first + (untilSunday + 7 * (nth - 1)) * 86_400_000;
}

/** Daylight saving time of New York, by the rules since 2007 (before them: April to October). */
function isDaylightSaving(dayUs: number): boolean {
  const ms = dayUs / 1000;
  const year = new Date(ms).getUTCFullYear();
  if (year >= 2007) return ms >= nthSunday(year, 2, 2) && ms < nthSunday(year, 10, 1);
  return ms >= nthSunday(year, 3, 1) && ms < nthSunday(year, 10, 1) - 7 * 86_400_000;
}

/** Opening and close of the New York session of a trading date: 09:30 to 16:00 local time. */
export function sessionOf(dayUs: number): { readonly openUs: number; readonly closeUs: number } {
  const openUs = dayUs + (isDaylightSaving(dayUs) ? 13.5 : 14.5) * 60 * minuteUs;
  return { openUs, closeUs: openUs + sessionMinutes * minuteUs };
}

/** Of the candle that starts a minute of a session. */
export function minuteOf(openUs: number, minute: number): number {
  return openUs + minute * minuteUs;
}
