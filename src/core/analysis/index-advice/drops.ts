import { readForeignKeys } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { ExistingIndex } from '../candidates/index-definition.ts';
import type { Costs, Meter, Objective } from '../cost/meter.ts';
import type { Configuration, StudiedQuery } from '../cost/studied-query.ts';
import type { ConfigurationPlanner } from '../shadow/configuration-planner.ts';
import { overlappingIndexes, serves } from './schema-advice.ts';

export interface DropCandidate {
  readonly index: ExistingIndex;
  readonly reason: string;
}

/** Existing indexes that may go, before any measurement. */
export function dropCandidates(
  mode: 'none' | 'redundant' | 'unused',
  existing: readonly ExistingIndex[],
  unused: readonly ExistingIndex[],
  pinned: ReadonlySet<string>,
): DropCandidate[] {
  if (mode === 'none') return [];
  const overlapping = overlappingIndexes(existing).map(({ index, servedBy, kind }) => ({
    index,
    reason: kind === 'duplicate' ? `the same as ${servedBy.name}` : `served by ${servedBy.name}`,
  }));
  const others =
    mode === 'unused'
      ? unused
          .filter((index) => !overlapping.some((one) => one.index.name === index.name))
          .map((index) => ({ index, reason: 'not used by this workload' }))
      : [];
  return [...overlapping, ...others].filter(({ index }) => !pinned.has(index.name));
}

/**
 * Indexes that no plan of the workload uses, with its triggers, cascades and foreign-key checks. A workload is a sample:
 * what is not in it may need them.
 */
export function unusedIndexes(
  connection: Connection,
  existing: readonly ExistingIndex[],
  queries: readonly StudiedQuery[],
  planner: ConfigurationPlanner,
): ExistingIndex[] {
  const used = new Set<string>();
  for (const plans of planner.plans({ added: [], dropped: [] }, queries)) {
    for (const plan of plans) for (const name of plan.indexes) used.add(name);
  }
  for (const { use } of queries) for (const name of use.read) used.add(name);
  return existing.filter(
    (index) =>
      !index.automatic && !index.unique && !used.has(index.name) && !servesForeignKey(connection, index, existing),
  );
}

/** Nothing else could find the child rows when a parent row goes. */
function servesForeignKey(connection: Connection, index: ExistingIndex, all: readonly ExistingIndex[]): boolean {
  return readForeignKeys(connection, index.table).some(
    (key) =>
      serves(index, key.columns) &&
      !all.some((other) => other.name !== index.name && other.table === index.table && serves(other, key.columns)),
  );
}

/**
 * Indexes that a plan uses though the statement would be quicker without: the planner was lured. Found by measuring the
 * workload without each index that a read uses.
 */
export async function harmfulIndexes(
  existing: readonly ExistingIndex[],
  start: { readonly configuration: Configuration; readonly objective: Objective },
  parts: DropSearch & { readonly planner: ConfigurationPlanner; readonly deadline: number; now(): number },
): Promise<DropCandidate[]> {
  const reads = parts.queries.filter((studied) => !studied.isWrite);
  const plans = parts.planner.plans(start.configuration, reads).flat();
  const used = new Set(plans.flatMap((plan) => [...plan.indexes]));
  const found: DropCandidate[] = [];
  for (const index of existing) {
    if (index.automatic || index.unique || index.isTable || !used.has(index.name)) continue;
    if (parts.now() > parts.deadline) break;
    const next = { ...start.configuration, dropped: [...start.configuration.dropped, index.name] };
    const without = await parts.meter.measure(next, parts.queries);
    const quicker = reads.find(({ query }) => {
      const before = start.objective.perQuery.get(query.fingerprint) ?? 0;
      const after = without.perQuery.get(query.fingerprint) ?? before;
      return before > after * harmFactor && before - after > slackMs;
    });
    if (quicker === undefined || without.totalMs >= start.objective.totalMs) continue;
    found.push({ index, reason: `makes ${quicker.query.name} slower than it is without it` });
  }
  return found;
}

interface DropSearch {
  readonly meter: Meter;
  readonly queries: readonly StudiedQuery[];
  readonly maxSlowdown: number;
}

/** Dropping may let the cost of the workload rise by this share. */
const tolerance = 0.01;
const slackMs = 0.02;
/** A read must be this many times slower with an index before the index is called harmful. */
const harmFactor = 1.2;

/** Takes away what can go: no read gets slower, and the workload costs no more than before. */
export async function chooseDrops(
  candidates: readonly DropCandidate[],
  start: { readonly configuration: Configuration; readonly objective: Objective },
  search: DropSearch,
): Promise<{
  configuration: Configuration;
  objective: Objective;
  taken: DropCandidate[];
  kept: Map<string, string>;
}> {
  let { configuration, objective } = start;
  const taken: DropCandidate[] = [];
  const kept = new Map<string, string>();
  for (const candidate of candidates) {
    const next = { ...configuration, dropped: [...configuration.dropped, candidate.index.name] };
    const found = await search.meter.measure(next, search.queries);
    const slower = slowerRead(objective, found, search) ?? slowerRead(objective.plain, found.plain, search);
    if (slower !== undefined) kept.set(candidate.index.name, `${slower.query.name} needs it`);
    else if (isDearer(objective, found) || isDearer(objective.plain, found.plain))
      kept.set(candidate.index.name, 'the workload is slower without it');
    else {
      taken.push(candidate);
      configuration = next;
      objective = found;
    }
  }
  return { configuration, objective, taken, kept };
}

function isDearer(from: Costs | null, to: Costs | null): boolean {
  return from !== null && to !== null && to.totalMs > from.totalMs * (1 + tolerance);
}

function slowerRead(from: Costs | null, to: Costs | null, search: DropSearch): StudiedQuery | undefined {
  return search.queries.find(({ query, isWrite }) => {
    const before = from?.perQuery.get(query.fingerprint) ?? 0;
    const after = to?.perQuery.get(query.fingerprint) ?? 0;
    return !isWrite && after > before * search.maxSlowdown && after - before > slackMs;
  });
}

export function dropSql(index: ExistingIndex): { sql: string; undoSql: string } {
  return { sql: `DROP INDEX ${quoteIdentifier(index.name)}`, undoSql: index.sql };
}
