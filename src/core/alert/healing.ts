import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { acquireLease, currentHolder, databaseLeaseFolder, databaseLeaseName, type LeaseOwner } from '../lease.ts';
import { breakersOf, type HealingActionName, type HealingEntry, HealingJournal } from './healing-journal.ts';

/** One thing that may be done without a person; the command that wires it knows how. */
export interface HealingAction {
  readonly name: HealingActionName;
  /** Whether it would help now; undefined when there is nothing to do. */
  assess(): Promise<Assessment | undefined>;
  /** Does it, and says what was done. Throws when it failed. */
  apply(): Promise<string>;
}

export interface Assessment {
  readonly reason: string;
  /** Why it must not be done all the same. */
  readonly blocked?: string;
  readonly values: Readonly<Record<string, number | string>>;
}

export interface HealingSettings {
  readonly database: string;
  readonly stateDirectory: string;
  readonly owner: LeaseOwner;
  readonly allow: readonly HealingActionName[];
  /** False: says what would be done. */
  readonly apply: boolean;
  /** False in a dry run of the command: nothing is written down either. */
  readonly journals: boolean;
  readonly maxPerHour: number;
  readonly breakerAfter: number;
}

export interface HealingDecision {
  readonly action: HealingActionName;
  readonly decision: 'dry-run' | 'refused' | 'done' | 'failed';
  readonly reason: string;
}

const hourMs = 3_600_000;

/**
 * Looks at each allowed action in turn and does at most one. Never two at once, never more often than allowed, never after
 * failures in a row, never while a backup, a migration or maintenance holds the database.
 */
export async function heal(
  settings: HealingSettings,
  actions: readonly HealingAction[],
  context: OperationContext,
): Promise<HealingDecision[]> {
  const journal = new HealingJournal(settings.stateDirectory, context.clock);
  const decisions: HealingDecision[] = [];
  let acted = false;
  for (const action of actions.filter(({ name }) => settings.allow.includes(name))) {
    const assessment = await action.assess();
    if (assessment === undefined) continue;
    const entries = journal.read(settings.database);
    const refusal = acted ? 'one action at a time' : guard(action.name, assessment, entries, settings, context);
    const { reason, values } = assessment;
    const note = (event: HealingEntry['event'], why: string): void => {
      if (settings.journals)
        journal.note({ database: settings.database, action: action.name, event, reason: why, values });
    };
    const decide = (decision: HealingDecision['decision'], why: string): void => {
      decisions.push({ action: action.name, decision, reason: why });
    };
    if (refusal !== undefined) {
      note('refused', refusal);
      decide('refused', refusal);
    } else if (!settings.apply) {
      note('dry-run', reason);
      decide('dry-run', reason);
    } else {
      acted = true;
      const { decision, why } = await carryOut(action, settings, note, reason, context);
      decide(decision, why);
    }
  }
  return decisions;
}

/** The first guard that forbids it. */
function guard(
  name: HealingActionName,
  { blocked }: Assessment,
  entries: readonly HealingEntry[],
  settings: HealingSettings,
  context: OperationContext,
): string | undefined {
  if (blocked !== undefined) return blocked;
  const breaker = breakersOf(entries, settings.breakerAfter).find(({ action }) => action === name);
  if (breaker?.open === true) {
    return `it failed ${breaker.failures} times in a row: a person has to look (tradedb monitor alerts --reset-breaker ${name})`;
  }
  return rateGuard(name, entries, settings, context) ?? leaseGuard(settings, context);
}

function rateGuard(
  name: HealingActionName,
  entries: readonly HealingEntry[],
  settings: HealingSettings,
  context: OperationContext,
): string | undefined {
  const now = context.clock.wallTime();
  // An entry from the future, after the clock was set back, counts as a recent one.
  const recent = entries.filter(
    ({ action, event, atMs }) => action === name && event === 'started' && atMs > now - hourMs,
  );
  if (recent.length < settings.maxPerHour) return undefined;
  return `it was done ${recent.length} ${recent.length === 1 ? 'time' : 'times'} within the last hour`;
}

function leaseGuard(settings: HealingSettings, context: OperationContext): string | undefined {
  const directory = databaseLeaseFolder(settings.stateDirectory);
  const holder = currentHolder(
    { directory, name: databaseLeaseName(settings.database), owner: settings.owner },
    context.clock,
  );
  return holder === undefined ? undefined : `${holder.purpose} (pid ${holder.pid}) is at work`;
}

async function carryOut(
  action: HealingAction,
  settings: HealingSettings,
  note: (event: HealingEntry['event'], why: string) => void,
  reason: string,
  context: OperationContext,
): Promise<{ decision: 'done' | 'failed' | 'refused'; why: string }> {
  let lease: { release(): void };
  try {
    lease = acquireLease(
      {
        directory: databaseLeaseFolder(settings.stateDirectory),
        name: databaseLeaseName(settings.database),
        purpose: `healing (${action.name})`,
        owner: settings.owner,
      },
      context,
    );
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'lease_held') throw error;
    // Somebody began between the guard and now.
    note('refused', error.message);
    return { decision: 'refused', why: error.message };
  }
  try {
    // Another run may have done it while this one waited for the lease.
    const entries = new HealingJournal(settings.stateDirectory, context.clock).read(settings.database);
    const late = rateGuard(action.name, entries, settings, context);
    if (late !== undefined) {
      note('refused', late);
      return { decision: 'refused', why: late };
    }
    note('started', reason);
    const done = await action.apply();
    note('done', done);
    return { decision: 'done', why: done };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    note('failed', why);
    return { decision: 'failed', why };
  } finally {
    lease.release();
  }
}
