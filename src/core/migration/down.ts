import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { type Conflict, findConflicts, isResumable } from './conflict.ts';
import type { MigrationFailure } from './failure.ts';
import { parseStored } from './format/native.ts';
import { type HistoryRow, HistoryTable, type VersionState } from './history.ts';
import { type MigrationSource, type Section, storedText } from './migration.ts';
import { requirePrograms } from './program.ts';
import { type FileResult, type RunSettings, runSteps, type Step } from './run.ts';
import { defaultHistoryTable, type MigrationState, readMigrationState } from './state.ts';
import { requireKnown } from './up.ts';
import { compareVersions, isRepeatable, type Version, versionKey } from './version.ts';

export interface DownSettings extends RunSettings {
  readonly source: MigrationSource;
  /** Newest version that stays; `0` takes everything back. */
  readonly to?: Version;
  /** Number of versions to take back; 1 when `to` is not given either. */
  readonly steps?: number;
  /** Use the down section of the file instead of the one stored when it was applied. */
  readonly fromFiles?: boolean;
}

export interface DownResult {
  readonly run: string;
  readonly rolledBack: readonly FileResult[];
  readonly skipped: readonly Version[];
  readonly pendingCount: number;
  readonly failed: MigrationFailure | null;
  readonly conflicts: readonly Conflict[];
}

/** What would be taken back, newest first, with the statements. */
export interface DownPlan {
  readonly steps: readonly Step[];
  readonly conflicts: readonly Conflict[];
  readonly state: MigrationState;
}

/**
 * Decides what to take back. A file that is gone does not matter when its own version is taken back with the stored
 * statements. Throws `migration_irreversible` before anything runs.
 */
export function planDown(settings: Omit<DownSettings, 'tool' | 'lockTimeoutMs'>): DownPlan {
  const { connection, source } = settings;
  const state = readMigrationState(connection, source, settings);
  const chosen = chooseApplied(state, settings);
  const keys = new Set(chosen.map((one) => versionKey(one.version)));
  const conflicts = blockingConflicts(state.conflicts, keys);
  if (conflicts.length > 0) return { steps: [], conflicts, state };
  const history = new HistoryTable(connection, settings.table ?? defaultHistoryTable);
  const steps = chosen.map((one) =>
    downStep(one.applied as HistoryRow, downSection(one, { history, state, fromFiles: settings.fromFiles === true })),
  );
  return { steps, conflicts: [], state };
}

export async function rollBackMigrations(settings: DownSettings, context: OperationContext): Promise<DownResult> {
  const plan = planDown(settings);
  const pending = plan.state.pending.length;
  if (plan.conflicts.length > 0) {
    return { run: '', rolledBack: [], skipped: [], pendingCount: pending, failed: null, conflicts: plan.conflicts };
  }
  const keys = new Set(plan.steps.map((step) => versionKey(step.place.version)));
  const conflicts = (cursor: { states: MigrationState['states'] }): Conflict[] =>
    blockingConflicts(findConflicts(plan.state.files, cursor.states), keys);
  const sections = await requirePrograms(plan.steps.map((step) => step.section));
  const steps = plan.steps.map((step, index) => ({ ...step, section: sections[index] ?? step.section }));
  const result = await runSteps(steps, { ...settings, atomic: false, conflicts }, context);
  const back = result.done.filter((file) =>
    plan.state.files.some((one) => compareVersions(one.version, file.version) === 0),
  );
  return {
    run: result.run,
    rolledBack: result.done,
    skipped: result.skipped,
    pendingCount: pending + back.length,
    failed: result.failed,
    conflicts: result.conflicts,
  };
}

/** Late files do not stand in the way back, nor does a missing file whose stored statements are used. */
function blockingConflicts(conflicts: readonly Conflict[], chosen: ReadonlySet<string>): Conflict[] {
  return conflicts.filter(
    (conflict) =>
      conflict.class !== 'late' &&
      !(isResumable(conflict, 'down') && chosen.has(versionKey(conflict.version))) &&
      !(conflict.class === 'missing' && chosen.has(versionKey(conflict.version))),
  );
}

function chooseApplied(state: MigrationState, wanted: Pick<DownSettings, 'to' | 'steps'>): VersionState[] {
  const applied = [...state.states.values()]
    .filter((one) => one.applied !== undefined && !isRepeatable(one.version))
    .sort((left, right) => compareVersions(right.version, left.version));
  const { to } = wanted;
  if (to === undefined) return applied.slice(0, wanted.steps ?? 1);
  if (versionKey(to) !== '0') requireKnown(to, state);
  return applied.filter((one) => compareVersions(one.version, to) > 0).slice(0, wanted.steps);
}

function downSection(
  one: VersionState,
  from: { history: HistoryTable; state: MigrationState; fromFiles: boolean },
): Section {
  const applied = one.applied as HistoryRow;
  const label = `${one.version}_${applied.name}`;
  const stored = from.fromFiles ? null : from.history.storedSql(applied.seq).down;
  if (stored !== null) return parseStored(stored, 'down', `stored down section of ${label}`);
  const file = from.state.files.find((candidate) => compareVersions(candidate.version, one.version) === 0);
  // Rows that another tool or a baseline left hold no statements; then the file is all there is.
  const down =
    from.fromFiles || applied.event !== 'applied' || applied.kind === 'module' ? file?.load().down : undefined;
  if (down !== undefined) return down;
  const up = from.history.storedSql(applied.seq).up;
  const marked = up !== null && parseStored(up, 'up', label).options.irreversible;
  const inFile = !from.fromFiles && file?.load().down !== undefined;
  throw new TradedbError(
    'migration_irreversible',
    `${label} cannot be taken back: ${marked ? 'its author marked it irreversible' : 'it has no down section'}`,
    {
      hint: inFile
        ? 'the file has one now: use --from-files'
        : 'write a new migration that reverses it, or restore a backup',
    },
  );
}

function downStep(applied: HistoryRow, section: Section): Step {
  const { version, name, kind, sha256 } = applied;
  return {
    place: { version, name, kind, file: name === '' ? `${version} (down)` : `${version}_${name} (down)` },
    section,
    row: { event: 'rolled_back', sha256, sqlUp: null, sqlDown: storedText(section) },
    isDone: (cursor) => cursor.stateOf(version)?.applied === undefined,
  };
}
