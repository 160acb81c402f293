import type { PolicyPlan } from '../retention/plan.ts';
import { type Chunk, chunksOf, type TableFolder } from './chunk.ts';
import { chunkResult } from './process-chunk.ts';
import type { PolicyResult } from './request.ts';

/** Until when rows that were put back into the table may stay there; null when nothing is held. */
export function restoreHoldEnd(chunks: readonly Chunk[], holdMs: number, nowMs: number): string | null {
  const ends = chunks.flatMap(({ restoredAt }) => (restoredAt === undefined ? [] : Date.parse(restoredAt) + holdMs));
  const last = Math.max(0, ...ends);
  return last > nowMs ? new Date(last).toISOString() : null;
}

/** What a run did under a policy, or would do. */
export function policyResult(
  plan: PolicyPlan,
  folder: TableFolder,
  done: Pick<PolicyResult, 'heldUntil' | 'deletedOnly' | 'summaryRows'> & { readonly touched: readonly string[] },
): PolicyResult {
  const { policy, cutoff, rowsDue, oldest, newest, triggers, estimatedBytes, adjusts } = plan;
  const { entries, path } = folder.ledger;
  const { heldUntil, deletedOnly, summaryRows, touched } = done;
  return {
    ...{ table: policy.table, children: policy.children, keepMs: policy.keep, archive: policy.archive ?? null },
    ...{ cutoff, rowsDue, oldest, newest, estimatedBytes, triggers, adjusts, heldUntil, deletedOnly, summaryRows },
    ...{ timezone: policy.timezone ?? null, class: policy.class?.name ?? null },
    chunks: chunksOf(folder)
      .filter(({ id }) => touched.includes(id))
      .map(chunkResult),
    ledger: entries.length === 0 ? null : { path, entries: entries.length },
  };
}
