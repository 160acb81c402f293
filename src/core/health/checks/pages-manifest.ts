import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import { type CheckInput, type CheckOutcome, finding, type HealthCheck } from '../check.ts';
import {
  type Coverage,
  coverageOf,
  type EvidenceSource,
  findDifferences,
  type PageEvidence,
} from '../evidence/page-evidence.ts';
import { PageSource } from '../page-source.ts';
import { gatherTarget, type HealthTarget, isUnchanged } from '../target.ts';

const id = 'pages.manifest';
const hint = 'stop the writers; single pages come back with: tradedb health recover --dry-run';

/** Looks beside a writer until none of its commits falls into one. */
const mostLooks = 12;

export const pagesManifest: HealthCheck = {
  id,
  sentence: 'every page that nothing wrote since is as it was backed up: no lost write, no rot',
  cost: 'expensive',
  async run(input) {
    const { facts } = input;
    if (facts.pageEvidence === undefined) return skipped('no backup repository is there');
    const evidence = await facts.pageEvidence();
    return typeof evidence === 'string' ? skipped(evidence) : compare(facts.pageEvidence, evidence, input);
  },
};

function skipped(reason: string): CheckOutcome {
  return { summary: reason, skipped: reason };
}

interface Suspicion {
  readonly pages: readonly number[] | undefined;
  readonly compared: number;
}

export type PageComparison =
  | {
      readonly result: 'compared';
      readonly evidence: PageEvidence;
      readonly compared: number;
      readonly pages: readonly number[];
    }
  /** Not every write since the newest known state is known, so that a difference would say nothing. */
  | { readonly result: 'skipped'; readonly reason: string }
  | { readonly result: 'unknown' };

/** The whole file once; what differs is looked at again until a look falls between two commits. */
export async function comparePages(
  path: string,
  again: EvidenceSource,
  first: PageEvidence,
  context: Pick<OperationContext, 'clock' | 'signal'>,
): Promise<PageComparison> {
  let evidence = first;
  let suspicion: Suspicion = { pages: undefined, compared: 0 };
  let reason = '';
  for (let count = 0; count < mostLooks; count++) {
    if (count > 0) await context.clock.sleep(5 + ((count * 13) % 40), context.signal);
    const target = gatherTarget(path);
    try {
      const coverage = coverageOf(target, evidence);
      if (!coverage.complete) {
        reason = coverage.reason;
        // The archive may have gone on meanwhile, and the WAL have begun anew.
        const fresh = await again();
        if (typeof fresh === 'string') return { result: 'skipped', reason: fresh };
        evidence = fresh;
        continue;
      }
      suspicion = look(target, evidence, coverage, suspicion, () => throwIfCancelled(context.signal));
      const { pages = [], compared } = suspicion;
      if (pages.length === 0 || isUnchanged(target)) return { result: 'compared', evidence, compared, pages };
    } finally {
      target.files.close();
    }
  }
  return suspicion.pages === undefined ? { result: 'skipped', reason } : { result: 'unknown' };
}

async function compare(again: EvidenceSource, first: PageEvidence, input: CheckInput): Promise<CheckOutcome> {
  const found = await comparePages(input.target.path, again, first, input.context);
  if (found.result === 'skipped') return skipped(found.reason);
  if (found.result === 'compared') {
    return found.pages.length === 0 ? sound(found.evidence, found.compared) : damaged(found.evidence, found.pages);
  }
  const unknown = 'a writer kept changing what was compared';
  return { summary: unknown, unknown };
}

function look(
  target: HealthTarget,
  evidence: PageEvidence,
  coverage: Extract<Coverage, { complete: true }>,
  before: Suspicion,
  proceed: () => void,
): Suspicion {
  const source = new PageSource(target);
  const found = findDifferences(source, evidence, { tail: coverage.tail, only: before.pages }, proceed);
  return { pages: found.pages, compared: before.pages === undefined ? found.compared : before.compared };
}

function sound(evidence: PageEvidence, compared: number): CheckOutcome {
  const segments = evidence.segments === 0 ? '' : ` and ${evidence.segments} segments of archived WAL`;
  return { summary: `${compared} pages as in backup ${evidence.backupId}${segments}`, value: 0, unit: 'pages' };
}

function damaged(evidence: PageEvidence, pages: readonly number[]): CheckOutcome {
  const shown = pages.slice(0, 10).join(', ');
  const message = `${pages.length} ${pages.length === 1 ? 'page differs' : 'pages differ'} from backup ${evidence.backupId} though nothing wrote there since: ${shown}${pages.length > 10 ? ' and more' : ''}`;
  return {
    summary: message,
    value: pages.length,
    unit: 'pages',
    damage: true,
    findings: [finding(id, 'critical', message, { hint, values: { pages: pages.length } })],
  };
}
