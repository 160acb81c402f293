import { TradedbError } from '../../error.ts';
import type { Manifest } from './manifest.ts';

/** The point and the points it builds on, oldest (the full one) first. Throws when one of them is missing. */
export function lineageOf<T extends Pick<Manifest, 'id' | 'parentId' | 'type'>>(
  point: T,
  byId: ReadonlyMap<string, T>,
): T[] {
  const chain: T[] = [point];
  let current = point;
  while (current.type === 'incremental') {
    const parent = current.parentId === null ? undefined : byId.get(current.parentId);
    if (parent === undefined || chain.includes(parent)) {
      throw new TradedbError(
        'backup_not_found',
        `backup ${point.id} builds on ${current.parentId ?? 'nothing'}, which is not there`,
        { hint: 'restore another backup: tradedb backup list' },
      );
    }
    chain.unshift(parent);
    current = parent;
  }
  return chain;
}
