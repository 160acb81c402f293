import { TradedbError, throwIfCancelled } from '../error.ts';
import type { Finding } from '../report.ts';
import type { CheckInput, CheckOutcome, CheckRow, HealthCheck, Registration } from './check.ts';
import { fileChecks } from './registry.ts';
import { type HealthRequest, isSelected } from './request.ts';
import { gatherTarget, type HealthTarget, isUnchanged, rollbackWriterActive } from './target.ts';
import { type Threshold, type ThresholdId, thresholdIds } from './threshold.ts';
import { includesTier, type Tier } from './tier.ts';

export interface PhaseResult {
  readonly rows: readonly CheckRow[];
  readonly findings: readonly Finding[];
  /** A finding proves that the file is damaged. */
  readonly damage: boolean;
}

/** Runs the checks that read files. One that throws is `unknown`; the others go on. */
export async function runFileChecks(request: HealthRequest, tier: Tier, input: CheckInput): Promise<PhaseResult> {
  const rows: CheckRow[] = [];
  const findings: Finding[] = [];
  let damage = false;
  for (const registration of fileChecks) {
    if (!isSelected(registration.check.id, request) || !includesTier(tier, registration.tier)) continue;
    throwIfCancelled(input.context.signal);
    const started = input.context.clock.now();
    const outcome = await attempt(registration, input, rows);
    rows.push(toRow(registration, outcome, input, input.context.clock.now() - started));
    findings.push(...(outcome.findings ?? []));
    damage ||= outcome.damage === true;
  }
  return { rows, findings, damage };
}

async function attempt({ check }: Registration, input: CheckInput, before: readonly CheckRow[]): Promise<CheckOutcome> {
  // Pages cannot be told apart by a header that is none.
  const kind = before.find(({ id }) => id === 'file.kind');
  const headless = kind?.status === 'critical' || input.target.header === undefined;
  if (headless && check.id !== 'file.kind' && !worksWithoutHeader.has(check.id)) {
    return { summary: 'no database header', skipped: 'there is no usable database header' };
  }
  const outcome = await runOnce(check, input);
  // The page scan has its own way to tell damage from the work of a writer.
  if (!isDoubtful(outcome) || settlesItself(check.id) || isSettled(input.target)) return outcome;
  return confirmOutcome(check, input);
}

/** A check that throws could not tell; the others go on. */
async function runOnce(check: HealthCheck, input: CheckInput): Promise<CheckOutcome> {
  try {
    return await check.run(input);
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'cancelled') throw error;
    const message = error instanceof Error ? error.message : String(error);
    return { summary: message, unknown: message };
  }
}

function settlesItself(id: string): boolean {
  return id.startsWith('structure.') || id === 'pages.manifest';
}

function isDoubtful(outcome: CheckOutcome): boolean {
  return outcome.damage === true || outcome.unknown !== undefined;
}

/** Nothing was written between gathering the facts and now. */
function isSettled(target: HealthTarget): boolean {
  return isUnchanged(target) && !rollbackWriterActive(target);
}

const mostLooks = 30;
const settledLooks = 2;

/**
 * Facts gathered beside a writer may not belong together: what looks wrong is believed when it is seen in two looks into
 * which no commit fell.
 */
async function confirmOutcome(check: HealthCheck, input: CheckInput): Promise<CheckOutcome> {
  let settled = 0;
  for (let count = 0; count < mostLooks; count++) {
    // Uneven pauses, so that the looks do not keep step with the writer.
    await input.context.clock.sleep(3 + ((count * 7) % 15), input.context.signal);
    const target = gatherTarget(input.target.path);
    try {
      const outcome = await runOnce(check, { ...input, target });
      if (!isDoubtful(outcome)) return outcome;
      if (isSettled(target)) settled += 1;
      if (settled === settledLooks) return outcome;
    } finally {
      target.files.close();
    }
  }
  const reason = 'a writer kept changing what was looked at';
  return { summary: reason, unknown: reason };
}

const worksWithoutHeader: ReadonlySet<string> = new Set([
  'file.access',
  'file.system',
  'file.space',
  'database.size',
  'connections',
  'connections.version',
  'lock.contention',
  'backup.age',
  'backup.verified',
  'backup.drill',
]);

function toRow({ check, tier }: Registration, outcome: CheckOutcome, input: CheckInput, durationMs: number): CheckRow {
  const limits = thresholdIds.includes(check.id as ThresholdId) ? input.thresholds[check.id as ThresholdId] : undefined;
  const reason = outcome.skipped ?? outcome.unknown;
  return {
    id: check.id,
    tier,
    cost: check.cost,
    status: statusOf(outcome),
    summary: outcome.summary,
    ...(outcome.value === undefined ? {} : { value: outcome.value }),
    ...(outcome.unit === undefined ? {} : { unit: outcome.unit }),
    ...(limits === undefined ? {} : limitsOf(limits)),
    durationMs,
    ranOn: outcome.skipped === undefined ? 'file' : 'none',
    ...(reason === undefined ? {} : { reason }),
  };
}

function limitsOf({ warning, critical, ranges }: Threshold): Pick<CheckRow, 'warning' | 'critical' | 'ranges'> {
  return ranges === undefined ? { warning, critical } : { ranges };
}

export function statusOf(outcome: Pick<CheckOutcome, 'findings' | 'skipped' | 'unknown'>): CheckRow['status'] {
  if (outcome.skipped !== undefined) return 'skipped';
  if (outcome.unknown !== undefined) return 'unknown';
  const severities = (outcome.findings ?? []).map(({ severity }) => severity);
  if (severities.includes('critical')) return 'critical';
  return severities.includes('warning') ? 'warning' : 'ok';
}
