/**
 * The version of a migration: digits, or Flyway's digits with dots. It is the key of a migration; the name and the
 * extension of the file never are.
 */
export type Version = string;

const form = /^\d+(\.\d+)*$/;
const plain = /^\d+$/;

/** Files without a version of their own that run again whenever they have changed: `R__name`. */
export function isRepeatable(version: Version): boolean {
  return version.startsWith('R__');
}

/** True for `20260301093000`, `0007` and `1.2.3`. */
export function isVersion(text: string): boolean {
  return form.test(text);
}

/** One spelling per version: `0001` and `1`, and `1.0` and `1`, are the same. */
export function versionKey(version: Version): string {
  if (/^[1-9]\d*$/.test(version) || isRepeatable(version)) return version;
  const parts = version.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop();
  return parts.join('.');
}

/** Compares as numbers, part by part; works beyond 2^53. Repeatable files come last, by name. */
export function compareVersions(left: Version, right: Version): number {
  // Times as versions, which have one length: the usual case.
  if (left.length === right.length && plain.test(left) && plain.test(right))
    return left === right ? 0 : left < right ? -1 : 1;
  if (isRepeatable(left) || isRepeatable(right)) {
    if (isRepeatable(left) !== isRepeatable(right)) return isRepeatable(left) ? 1 : -1;
    return left === right ? 0 : left < right ? -1 : 1;
  }
  const a = versionKey(left).split('.');
  const b = versionKey(right).split('.');
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const x = a[index] ?? '0';
    const y = b[index] ?? '0';
    if (x.length !== y.length) return x.length - y.length;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
