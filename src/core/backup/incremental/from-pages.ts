import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { Finding } from '../../report.ts';
import { isUnreachable } from '../../storage/storage-error.ts';
import type { PageIndex } from '../chunk/page-index.ts';
import { lineageOf } from '../manifest/lineage.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { Tombstones } from '../retention/tombstone.ts';

export interface ParentRequest {
  readonly repository: Repository;
  readonly type: 'auto' | 'full' | 'incremental';
  readonly fullEveryMs: number;
  readonly maxChain: number;
}

export interface Parent {
  /** The newest point of the database, whether this one builds on it or not. */
  readonly newest: Manifest | null;
  readonly point: Manifest | null;
  /** The point and what it builds on, the full one first; empty without a point. */
  readonly lineage: readonly Manifest[];
  readonly index: PageIndex | null;
  readonly findings: readonly Finding[];
}

const none: Parent = { newest: null, point: null, lineage: [], index: null, findings: [] };

/** The point that an incremental backup builds on: the newest one whose whole chain is there and young enough. */
export async function chooseParent(
  request: ParentRequest,
  databaseId: string,
  context: OperationContext,
): Promise<Parent> {
  const { points } = await request.repository.points(databaseId);
  const full = { ...none, newest: points.at(-1) ?? null };
  if (request.type === 'full') return full;
  const doomed = await Tombstones.read(request.repository, databaseId);
  const alive = points.filter((point) => !doomed.has(point.id));
  const newest = alive.at(-1);
  if (newest === undefined) return withoutParent(request, full, 'there is no backup to build on');
  const byId = new Map(alive.map((point) => [point.id, point]));
  try {
    const lineage = lineageOf(newest, byId);
    const root = lineage[0] as Manifest;
    if (request.type === 'auto') {
      const ageMs = context.clock.wallTime() - Date.parse(root.createdAt);
      if (newest.chainLength >= request.maxChain || ageMs >= request.fullEveryMs) return full;
    }
    return { ...full, point: newest, index: await request.repository.pageIndex(lineage), lineage };
  } catch (error) {
    // An outage says nothing about the chain, and a full backup instead could be many times as large.
    if (!(error instanceof TradedbError) || isUnreachable(error)) throw error;
    return withoutParent(request, full, error.message);
  }
}

function withoutParent(request: ParentRequest, full: Parent, reason: string): Parent {
  if (request.type === 'auto' && full.newest === null) return full;
  const finding: Finding = {
    id: 'backup.full_instead',
    severity: 'warning',
    message: `a full backup was made instead of an incremental one: ${reason}`,
    hint: 'tradedb backup verify',
  };
  return { ...full, findings: [finding] };
}
