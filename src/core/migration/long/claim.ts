import { TradedbError } from '../../error.ts';
import { identifyProcess, isHeld } from '../../lease.ts';
import type { HistoryRow, NewHistoryRow } from '../history.ts';
import { type Migration, type Section, storedText } from '../migration.ts';
import { beginWrite, commitWrite, rollBack, type Session } from '../session.ts';
import { OpenStep } from './open-step.ts';
import { readProgress, type StepProgress, textOf } from './progress.ts';
import type { LongSettings } from './settings.ts';

/** One direction of a file that takes many transactions. */
export interface LongStep {
  readonly place: Pick<NewHistoryRow, 'version' | 'name' | 'kind'> & { readonly file: string };
  readonly section: Section;
  readonly verify?: Migration;
  readonly row: Pick<NewHistoryRow, 'event' | 'sha256' | 'sqlUp' | 'sqlDown'>;
}

/** What the caller finds out with the write lock held: done by somebody else, or the open row if there is one. */
export type Finding<C> =
  | { readonly done: true }
  | { readonly conflicts: C }
  | { readonly open: HistoryRow | undefined };

interface Claiming {
  readonly session: Session;
  readonly settings: LongSettings;
  /** Whatever the file says now: the step is to be given up. */
  readonly anyText?: boolean;
}

const pollMs = 50;

/**
 * Makes the `started` row of the step, or takes over the one that a dead process has left. Waits for a living owner up
 * to the lock timeout: when it has finished, nothing is left to do.
 */
export async function claimStep<C>(
  step: LongStep,
  at: Claiming & { look(): Finding<C> },
): Promise<{ step: OpenStep; resumed: boolean } | { done: true } | { conflicts: C }> {
  const { session, settings } = at;
  const { clock, signal } = session.context;
  const started = clock.now();
  for (;;) {
    await beginWrite(session);
    try {
      const found = at.look();
      if (!('open' in found)) return found;
      const holder = holderOf(found.open, at);
      if (holder === undefined) {
        const claimed = take(step, found.open, at);
        await commitWrite(session);
        return { step: claimed, resumed: found.open !== undefined };
      }
      if (clock.now() - started >= session.lockTimeoutMs) throw heldBy(step, holder);
    } finally {
      rollBack(session.connection);
    }
    await clock.sleep(Math.min(pollMs, Math.max(1, settings.takeoverMs)), signal);
  }
}

function holderOf(open: HistoryRow | undefined, at: { session: Session; settings: LongSettings }) {
  const progress = open === undefined ? undefined : readProgress(at.session.history.progressOf(open.seq));
  const owner = progress?.owner ?? null;
  // On a copy the owner is somebody who works on the original.
  if (owner === null || at.session.rehearse === true) return undefined;
  return isHeld(owner, at.settings.owner.hostname, at.session.context.clock.wallTime()) ? owner : undefined;
}

function take(step: LongStep, open: HistoryRow | undefined, { session, settings, anyText }: Claiming): OpenStep {
  const { history, context } = session;
  const direction = step.row.event === 'rolled_back' ? 'down' : 'up';
  const before = open === undefined ? undefined : readProgress(history.progressOf(open.seq));
  if (before !== undefined && anyText !== true) requireSameText(step, before);
  const progress: StepProgress = {
    ...(before ?? { direction, next: 0, text: textOf(step.section, 0), rowsChanged: 0, work: null }),
    owner: {
      ...identifyProcess(settings.owner),
      token: Buffer.from(context.random.bytes(8)).toString('hex'),
      expiresAt: context.clock.wallTime() + settings.takeoverMs,
    },
  };
  const json = JSON.stringify(progress);
  const row = open ?? history.append({ ...startedRow(step, session), progress: json });
  if (open !== undefined) history.setProgress(open.seq, json);
  return new OpenStep(session, row, { progress, takeoverMs: settings.takeoverMs });
}

function startedRow({ place, section, row }: LongStep, session: Session): NewHistoryRow {
  return {
    version: place.version,
    name: place.name,
    file: place.file,
    kind: place.kind,
    event: 'started',
    sha256: row.sha256,
    sqlUp: row.event === 'rolled_back' ? row.sqlUp : storedText(section),
    sqlDown: row.sqlDown,
    at: new Date(session.context.clock.wallTime()).toISOString(),
    durationMs: null,
    tool: session.tool,
    run: session.run,
  };
}

/** What ran already must still be what the file says; what has not run yet may be corrected. */
function requireSameText({ place, section }: LongStep, progress: StepProgress): void {
  const done = progress.work === null ? progress.next : section.statements.length;
  if (section.program === undefined && textOf(section, done) === progress.text) return;
  const what =
    section.program !== undefined
      ? 'is a program without a transaction, and how far it came is not known'
      : progress.work === null
        ? `was changed in its first ${progress.next} statements, which ran already`
        : 'was changed while its work is half done';
  throw new TradedbError('migration_interrupted', `${place.file} ${what}`, {
    hint:
      section.program !== undefined
        ? `look at the database, then: tradedb migrate resolve ${place.version} --abort (it runs again as a whole) or --mark-applied`
        : `bring the text back, or: tradedb migrate resolve ${place.version} --abort`,
  });
}

function heldBy({ place }: LongStep, owner: { pid: number; hostname: string }): TradedbError {
  return new TradedbError(
    'database_locked',
    `${place.file} is being run by process ${owner.pid} on ${owner.hostname || 'this machine'}`,
    { hint: 'wait longer with --lock-timeout; tradedb migrate status shows how far it is' },
  );
}
