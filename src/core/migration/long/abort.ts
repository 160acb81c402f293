import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { AppendSettings } from '../append.ts';
import { plainSession } from '../append.ts';
import { HistoryCursor } from '../cursor.ts';
import type { HistoryRow } from '../history.ts';
import type { Section } from '../migration.ts';
import { dropTriggers } from '../online/change-log.ts';
import { removeWorkingTables } from '../online/cleanup.ts';
import { onlineNames, workingKey } from '../online/subject.ts';
import { rollBack } from '../session.ts';
import type { Version } from '../version.ts';
import { claimStep } from './claim.ts';
import type { OpenStep } from './open-step.ts';
import { Pacing } from './pacing.ts';
import type { OnlineWork, StepProgress } from './progress.ts';
import type { LongSettings } from './settings.ts';

export interface AbortSettings extends AppendSettings {
  readonly version: Version;
  readonly long: LongSettings;
  readonly reason: string;
  readonly dryRun: boolean;
}

/** What giving a half-done file up leaves behind. */
export interface Abandoned {
  readonly direction: 'up' | 'down';
  /** Statements that ran and stay. */
  readonly statements: number;
  /** Rows that were changed and stay so; 0 for an online change, whose copy is dropped. */
  readonly rowsChanged: number;
  /** The table that keeps its old form; null unless it was an online change. */
  readonly table: string | null;
}

const noSection: Section = {
  marker: '',
  text: '',
  line: 1,
  options: { transaction: false, foreignKeys: false, requires: [], irreversible: false, lintIgnore: [] },
  statements: [],
};

/**
 * Gives a half-done file up: it is pending again, or still applied when it was being taken back. An online change loses
 * its triggers, its log and its copy, and its table was never touched. Statements and batches that were committed stay.
 */
export async function abortStep(settings: AbortSettings, context: OperationContext): Promise<Abandoned> {
  const session = plainSession(settings, context);
  const cursor = new HistoryCursor(session.history, settings.connection);
  const open = cursor.stateOf(settings.version)?.row;
  if (open?.event !== 'started') throw notInterrupted(settings.version);
  const left = describe(session.history.progressOf(open.seq));
  if (settings.dryRun) return left;
  const claim = await claimStep<never>(stepOf(open), {
    session,
    settings: settings.long,
    anyText: true,
    look: () => {
      cursor.refresh();
      const row = cursor.stateOf(settings.version)?.row;
      return row?.event === 'started' ? { open: row } : { done: true };
    },
  });
  if (!('step' in claim)) throw notInterrupted(settings.version);
  const { step } = claim;
  const work = step.progress.work;
  if (work?.kind === 'online') await dropOnline(step, work, { settings, context });
  await step.finish(() => session.history.append(abortedRow(open, settings, context)));
  return left;
}

function describe(json: string | null): Abandoned {
  const progress = JSON.parse(json ?? '{}') as Partial<StepProgress>;
  const { direction = 'up', next = 0, rowsChanged = 0, work = null } = progress;
  if (work?.kind === 'online' && work.phase === 'cleanup') throw alreadySwapped(work);
  const batches = work?.kind === 'data' ? work.rowsChanged : 0;
  const table = work?.kind === 'online' ? work.table : null;
  return { direction, statements: next, rowsChanged: rowsChanged + batches, table };
}

function stepOf({ version, name, kind, sha256 }: HistoryRow) {
  return {
    place: { version, name, kind, file: `${version}_${name}` },
    section: noSection,
    row: { event: 'aborted' as const, sha256, sqlUp: null, sqlDown: null },
  };
}

/** First the engine is rid of the triggers; from then on the change can only be given up, whoever goes on with it. */
async function dropOnline(
  step: OpenStep,
  work: OnlineWork,
  { settings, context }: { settings: AbortSettings; context: OperationContext },
): Promise<void> {
  const { connection, long } = settings;
  const names = onlineNames(work.table);
  // Somebody may have finished the copy while this process waited.
  if (work.phase === 'cleanup') throw alreadySwapped(work);
  await step.transaction(() => {
    dropTriggers(connection, names);
    return { ...step.progress, work: { ...work, phase: 'abort' } };
  });
  const pacing = new Pacing(long.online, context);
  try {
    await removeWorkingTables(connection, names, {
      key: workingKey(connection, names.shadow),
      rows: () => pacing.rows,
      step: async (remove) => {
        const hold = await step.transaction(() => {
          remove();
          return step.progress;
        });
        await pacing.rest(hold);
      },
    });
  } finally {
    rollBack(connection);
  }
}

function abortedRow({ version, name, kind, sha256 }: HistoryRow, settings: AbortSettings, context: OperationContext) {
  return {
    version,
    name,
    kind,
    event: 'aborted' as const,
    sha256,
    sqlUp: null,
    sqlDown: null,
    at: new Date(context.clock.wallTime()).toISOString(),
    durationMs: null,
    tool: settings.tool,
    run: plainSession(settings, context).run,
    reason: settings.reason,
  };
}

function notInterrupted(version: Version): TradedbError {
  return new TradedbError('usage', `${version} cannot be resolved this way: it is not half done`, {
    hint: 'see: tradedb migrate status',
  });
}

function alreadySwapped({ table }: OnlineWork): TradedbError {
  return new TradedbError('usage', `the change cannot be given up any more: ${table} has its new form already`, {
    hint: 'finish it with: tradedb migrate up',
  });
}
