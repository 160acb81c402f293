import { type Link, links, type Offender } from './rule.ts';

interface Cause {
  readonly id: string;
  readonly offenders: readonly Offender[];
}

/**
 * The rules that together explain all offenders, or none. An offender is explained by a cause when the narrowest link
 * that both carry names the same thing: the same order, else the same position, and so on.
 */
export function explanations(offenders: readonly Offender[], causes: readonly Cause[]): string[] {
  const known = causes
    .filter((cause) => cause.offenders.length > 0)
    .map((cause) => ({ id: cause.id, values: valuesByLink(cause.offenders) }));
  const used = new Set<string>();
  for (const offender of offenders) {
    const by = known.find(({ values }) => isExplained(offender, values));
    if (by === undefined) return [];
    used.add(by.id);
  }
  return [...used];
}

type ValuesByLink = ReadonlyMap<Link, ReadonlySet<string>>;

function valuesByLink(offenders: readonly Offender[]): ValuesByLink {
  const found = new Map<Link, Set<string>>();
  for (const offender of offenders) {
    for (const link of links) {
      const value = offender[link];
      if (value === undefined || value === null) continue;
      const values = found.get(link) ?? new Set<string>();
      values.add(String(value));
      found.set(link, values);
    }
  }
  return found;
}

function isExplained(offender: Offender, values: ValuesByLink): boolean {
  const link = links.find((name) => offender[name] !== undefined && offender[name] !== null && values.has(name));
  return link !== undefined && values.get(link)?.has(String(offender[link])) === true;
}
