/** Number by which SQLite calls a release, such as 3054001 for "3.54.1". */
export function versionNumberOf(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major * 1_000_000 + minor * 1_000 + patch;
}

/** The release as people call it. */
export function versionTextOf(number: number): string {
  return `${Math.floor(number / 1e6)}.${Math.floor(number / 1000) % 1000}.${number % 1000}`;
}

/** Releases that hold the fix, for a hint. */
export const walResetFixedIn = '3.51.3 or newer, 3.50.7 or 3.44.6';

/**
 * Whether a release can lose acknowledged commits when two connections write or checkpoint: 3.7.0 to 3.51.2, but for the
 * two older branches that got the fix (sqlite.org/wal.html, section "The WAL-Reset Bug").
 */
export function hasWalResetBug(version: number): boolean {
  if (version < 3_007_000 || version >= 3_051_003) return false;
  const branch = Math.floor(version / 1000);
  const patch = version % 1000;
  return !((branch === 3_044 && patch >= 6) || (branch === 3_050 && patch >= 7));
}
