/** Microseconds since 1970 UTC are the only time inside the trading schema: exact as numbers until the year 2255. */

export const usPerSecond = 1_000_000;
export const usPerDay = 86_400 * usPerSecond;

/** Microseconds of a wall time in milliseconds. */
export function microseconds(wallTimeMs: number): number {
  return Math.round(wallTimeMs * 1000);
}

/** ISO 8601 text, UTC, with six decimals of a second. */
export function isoOfMicroseconds(us: number): string {
  const ms = Math.floor(us / 1000);
  const rest = (us - ms * 1000).toString().padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${rest}Z`);
}
