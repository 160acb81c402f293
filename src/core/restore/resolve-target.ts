import type { Manifest } from '../backup/manifest/manifest.ts';
import { findMark } from '../backup/mark.ts';
import type { Repository } from '../backup/repository/repository.ts';
import { TradedbError } from '../error.ts';
import { type ReplayRoute, routeTo } from './point-in-time.ts';
import { type RestoreTarget, selectPoint } from './select.ts';

export type WantedState =
  | RestoreTarget
  | { readonly kind: 'tx'; readonly tx: number; readonly epoch: string | null }
  | { readonly kind: 'mark'; readonly name: string; readonly before?: boolean };

/** The state that will be restored: a restore point, and perhaps commits after it. */
export interface ResolvedState {
  readonly lineage: readonly Manifest[];
  readonly route: ReplayRoute | undefined;
  /** ISO 8601: the moment of the state. */
  readonly time: string;
}

/** Chooses among backups and archived commits: the newest state that the wish allows. */
export async function resolveState(
  repository: Repository,
  databaseId: string | undefined,
  wanted: WantedState,
): Promise<ResolvedState> {
  if (wanted.kind === 'backup') return ofPoint((await selectPoint(repository, databaseId, wanted)).lineage);
  const known = databaseId ?? (await selectPoint(repository, undefined, { kind: 'latest' })).point.database.id;
  if (wanted.kind === 'mark') {
    const { tx, epoch } = await findMark(repository, known, wanted.name);
    return resolveState(repository, known, { kind: 'tx', tx: wanted.before === true ? tx - 1 : tx, epoch });
  }
  const route = await routeTo(repository, known, wanted);
  if (wanted.kind === 'tx') {
    if (route !== undefined) return ofRoute(route);
    throw new TradedbError('backup_not_found', 'no commits of this database are archived', {
      hint: 'single commits can be restored from when on runs: tradedb backup archive',
    });
  }
  try {
    const { point, lineage } = await selectPoint(repository, known, wanted);
    if (route === undefined || Date.parse(point.createdAt) > route.commit.notAfter) return ofPoint(lineage);
  } catch (error) {
    if (route === undefined || !(error instanceof TradedbError) || error.code !== 'backup_not_found') throw error;
  }
  return ofRoute(route);
}

function ofPoint(lineage: readonly Manifest[]): ResolvedState {
  return { lineage, route: undefined, time: lineage.at(-1)?.createdAt ?? '' };
}

function ofRoute(route: ReplayRoute): ResolvedState {
  return { lineage: route.lineage, route, time: new Date(route.commit.notAfter).toISOString() };
}
