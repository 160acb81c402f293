import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { type Conflict, findConflicts, isResumable } from './conflict.ts';
import type { MigrationFailure } from './failure.ts';
import { takesManyTransactions } from './long/progress.ts';
import { type Migration, type MigrationFile, type MigrationSource, storedText } from './migration.ts';
import { requirePrograms } from './program.ts';
import { type FileResult, type RunSettings, runSteps, type Step } from './run.ts';
import { coverageOf, replacesVersion } from './squash/coverage.ts';
import { isApplied, type MigrationState, readMigrationState } from './state.ts';
import { compareVersions, isRepeatable, isVersion, type Version, versionKey } from './version.ts';

export interface UpSettings extends RunSettings {
  readonly source: MigrationSource;
  /** Last version to apply. */
  readonly to?: Version;
  /** Number of files to apply. */
  readonly steps?: number;
  /** One transaction for all files: everything or nothing. */
  readonly atomic?: boolean;
  /** Accept files older than the newest applied one. */
  readonly allowOutOfOrder?: boolean;
  /** Programs count as done without being run: for a plan that only lists them. */
  readonly withoutPrograms?: boolean;
}

export interface UpResult {
  readonly run: string;
  readonly applied: readonly FileResult[];
  readonly skipped: readonly Version[];
  /** Files that are still pending. */
  readonly pendingCount: number;
  readonly failed: MigrationFailure | null;
  /** When there are any, nothing was run. */
  readonly conflicts: readonly Conflict[];
}

/**
 * Applies pending files. Works on any SQLite database. Conflicts and failures are part of the result; `requireApplied`
 * turns them into an error. Throws `migration_invalid` for a file that cannot be read, before anything runs.
 */
export async function applyMigrations(settings: UpSettings, context: OperationContext): Promise<UpResult> {
  const { connection, source } = settings;
  const state = readMigrationState(connection, source, settings);
  const blocking = state.conflicts.filter((conflict) => !isResumable(conflict, 'up'));
  if (blocking.length > 0) {
    return {
      run: '',
      applied: [],
      skipped: [],
      pendingCount: state.pending.length,
      failed: null,
      conflicts: blocking,
    };
  }
  let migrations = selectPending(state, settings).map((file) => file.load());
  const unmet = unmetRequirements(migrations, state);
  if (unmet.length > 0)
    return { run: '', applied: [], skipped: [], pendingCount: state.pending.length, failed: null, conflicts: unmet };
  const listed = settings.withoutPrograms === true;
  if (!listed) {
    const sections = await requirePrograms(migrations.map((migration) => migration.up));
    migrations = migrations.map((migration, index) => ({ ...migration, up: sections[index] ?? migration.up }));
  }
  const atomic = settings.atomic === true;
  if (atomic) requireOneMode(migrations);
  const conflicts = (cursor: { states: MigrationState['states'] }): Conflict[] =>
    findConflicts(state.files, cursor.states, settings).filter((conflict) => !isResumable(conflict, 'up'));
  const steps = migrations.map((migration) => {
    const step = upStep(migration, state);
    return listed && step.section.program !== undefined ? withoutWork(step) : step;
  });
  const result = await runSteps(steps, { ...settings, atomic, conflicts }, context);
  return {
    run: result.run,
    applied: result.done,
    skipped: result.skipped,
    pendingCount: state.pending.length - result.done.length - result.skipped.length,
    failed: result.failed,
    conflicts: result.conflicts,
  };
}

/** Throws what kept `applyMigrations` from finishing: for callers for whom anything else is a failure. */
export function requireApplied(result: UpResult): void {
  const conflict = result.conflicts[0];
  if (conflict !== undefined) {
    throw new TradedbError(`migration_${conflict.class}`, conflict.detail, { hint: 'see: tradedb migrate status' });
  }
  if (result.failed !== null) {
    const { code, file, line, column, reason, hint } = result.failed;
    const place = line === null ? file : `${file}:${line}:${column ?? 1}`;
    throw new TradedbError(code, `${place} ${reason}`, hint === null ? {} : { hint });
  }
}

/** The pending files up to `to`, at most `steps`. */
export function selectPending(
  state: MigrationState,
  wanted: { readonly to?: Version; readonly steps?: number },
): MigrationFile[] {
  let files = [...state.pending];
  const { to, steps } = wanted;
  if (to !== undefined) {
    requireKnown(to, state);
    files = files.filter((file) => compareVersions(file.version, to) <= 0);
  }
  return steps === undefined ? files : files.slice(0, steps);
}

export function requireKnown(version: Version, state: MigrationState): void {
  const known =
    (isVersion(version) || isRepeatable(version)) &&
    (state.states.has(versionKey(version)) || state.files.some((file) => compareVersions(file.version, version) === 0));
  if (!known) {
    throw new TradedbError('usage', `there is no migration with version ${JSON.stringify(version)}`, {
      hint: 'the versions are listed by: tradedb migrate status',
    });
  }
}

function unmetRequirements(migrations: readonly Migration[], state: MigrationState): Conflict[] {
  const applied = new Set([...state.states].filter(([, one]) => one.applied !== undefined).map(([key]) => key));
  const conflicts: Conflict[] = [];
  for (const migration of migrations) {
    for (const wanted of migration.up.options.requires) {
      if (applied.has(versionKey(wanted)) || state.files.some((file) => replacesVersion(file, wanted))) continue;
      conflicts.push({
        class: 'missing',
        version: migration.version,
        files: [migration.file],
        detail: `${migration.file} requires ${wanted}, which is not applied`,
      });
    }
    applied.add(versionKey(migration.version));
  }
  return conflicts;
}

function requireOneMode(migrations: readonly Migration[]): void {
  const long = migrations.find((one) => takesManyTransactions(one.up));
  if (long !== undefined) {
    throw new TradedbError('usage', `${long.file} takes many transactions and cannot be part of one`, {
      hint: 'run without --atomic, or the files around it in runs of their own with --to',
    });
  }
  const odd = migrations.find((one) => one.up.options.foreignKeys !== migrations[0]?.up.options.foreignKeys);
  if (odd === undefined) return;
  throw new TradedbError(
    'usage',
    `${odd.file} cannot share a transaction with ${migrations[0]?.file}: their foreign-keys options differ`,
    {
      hint: 'run without --atomic, or in two runs with --to',
    },
  );
}

function withoutWork(step: Step): Step {
  const { program: _, ...section } = step.section;
  return { ...step, section };
}

/** A database that has everything that a squashed file stands for gets its row, and nothing runs. */
function squashedStep(migration: Migration): Step {
  const { version, name, file, kind, sha256, up } = migration;
  return {
    place: { version, name, file, kind },
    section: { ...up, text: '', statements: [] },
    row: { event: 'squashed', sha256, sqlUp: storedText(up), sqlDown: null },
    isDone: (cursor) => isApplied(migration, cursor.stateOf(version)),
  };
}

function upStep(migration: Migration, state: MigrationState): Step {
  const { version, name, file, kind, sha256, up, down } = migration;
  if (migration.replaces !== undefined && coverageOf(migration, state.states).kind === 'all') {
    return squashedStep(migration);
  }
  return {
    place: { version, name, file, kind },
    section: up,
    verify: migration,
    hooked: true,
    row: { event: 'applied', sha256, sqlUp: storedText(up), sqlDown: down === undefined ? null : storedText(down) },
    isDone: (cursor) => isApplied(migration, cursor.stateOf(version)),
  };
}
