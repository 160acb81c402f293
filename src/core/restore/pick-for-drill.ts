import type { Manifest } from '../backup/manifest/manifest.ts';
import type { Random } from '../context.ts';
import type { RestoreTarget } from './select.ts';

/** Which backup a drill tries: `latest`, `oldest`, `random`, or an id. `points` are oldest first. */
export function pickForDrill(wanted: string, points: readonly Pick<Manifest, 'id'>[], random: Random): RestoreTarget {
  const index = { latest: points.length - 1, oldest: 0, random: Math.floor(random.next() * points.length) }[wanted];
  return { kind: 'backup', id: index === undefined ? wanted : (points[index]?.id ?? wanted) };
}
