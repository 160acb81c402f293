import type { OperationContext } from '../context.ts';
import { foldName } from '../schema/normalise.ts';
import type { Connection } from '../sqlite/connection.ts';
import { type Conflict, isResumable } from './conflict.ts';
import { Estimator } from './estimate.ts';
import type { MigrationFailure } from './failure.ts';
import type { Hooks } from './hooks.ts';
import { judgeLateFiles, type LateFile } from './independence.ts';
import { defaultLongSettings, type LongSettings } from './long/settings.ts';
import { losesData } from './loses-data.ts';
import type { Migration, MigrationSource } from './migration.ts';
import { loadProgram } from './program.ts';
import type { FileResult } from './run.ts';
import type { StatementEffect } from './session.ts';
import { fullShadow, type Shadow, schemaShadow } from './shadow.ts';
import { defaultHistoryTable, readMigrationState } from './state.ts';
import { isDestructive, type Statement, type StatementKind } from './statement.ts';
import type { TableChangeResult } from './table-change.ts';
import { applyMigrations, selectPending } from './up.ts';
import type { Version } from './version.ts';

export interface PlanSettings {
  /** Open for reading only; undefined for a database that is still to be made. */
  readonly connection: Connection | undefined;
  readonly source: MigrationSource;
  readonly table?: string;
  readonly to?: Version;
  readonly steps?: number;
  readonly atomic?: boolean;
  readonly allowOutOfOrder?: boolean;
  readonly hooks?: Hooks;
  /** Programs are listed, but not run. */
  readonly withoutPrograms?: boolean;
  /** How work in batches would behave. */
  readonly long?: LongSettings;
  /** Folder for a full copy; without it only the schema is tried, in memory. */
  readonly copyInto?: string;
}

export interface PlannedStatement {
  readonly line: number;
  readonly sql: string;
  readonly kind: StatementKind;
  /** Measured on the copy; null without one. */
  readonly rowsChanged: number | null;
  readonly durationMs: number | null;
  /** How a `migrate:table` is carried out; null for other statements. */
  readonly change: Pick<TableChangeResult, 'strategy' | 'runs' | 'reason'> | null;
}

export interface PlanStep {
  readonly version: Version;
  readonly name: string;
  readonly file: string;
  readonly strategy: FileResult['strategy'];
  readonly statements: readonly PlannedStatement[];
  /** Drops or overwrites data. */
  readonly destructive: boolean;
  readonly reversible: boolean;
  readonly rows: number;
  /** Time on the shadow. */
  readonly durationMs: number;
  /** How long other writers would wait. */
  readonly lockMs: number;
  readonly walBytes: number;
  /** False for a program that was only listed. */
  readonly executed: boolean;
  /** True: rows, lock and WAL follow from table sizes; false: measured on a full copy. */
  readonly estimated: boolean;
}

export interface MigrationPlan {
  readonly steps: readonly PlanStep[];
  /** Files that are not applied, beyond --to and --steps too. */
  readonly pendingCount: number;
  readonly conflicts: readonly Conflict[];
  readonly failed: MigrationFailure | null;
  /** `schema`: tried without rows; `data`: tried on a full copy. */
  readonly executedOn: 'schema' | 'data';
  /** Free space that the run needs beside the database. */
  readonly needsDiskBytes: number;
  readonly skipped: Shadow['skipped'];
  /** Files that are older than what is applied, and whether their order matters. */
  readonly late: readonly LateFile[];
  /** Whether up would make a safety backup first; null without a database to look at. */
  readonly needsBackup: boolean | null;
}

interface Measured {
  readonly statements: PlannedStatement[];
  walBytes: number;
  result?: FileResult;
}

/** Runs the pending files on a shadow with the same executor as `up`. The real database is only read. */
export async function planMigrations(settings: PlanSettings, context: OperationContext): Promise<MigrationPlan> {
  const { connection, copyInto } = settings;
  const table = settings.table ?? defaultHistoryTable;
  const shadow =
    connection !== undefined && copyInto !== undefined
      ? fullShadow(connection, copyInto, context)
      : schemaShadow(connection, table, context);
  try {
    return await tryOn(shadow, settings, context);
  } finally {
    shadow.close();
  }
}

async function tryOn(shadow: Shadow, settings: PlanSettings, context: OperationContext): Promise<MigrationPlan> {
  const state = readMigrationState(shadow.connection, settings.source, settings);
  const executedOn: MigrationPlan['executedOn'] = shadow.hasRows ? 'data' : 'schema';
  const base = {
    executedOn,
    skipped: shadow.skipped,
    failed: null,
    needsDiskBytes: 0,
    needsBackup: null,
    late: await judgeLateFiles(state, context),
    steps: [],
    pendingCount: state.pending.length,
  };
  const blocking = state.conflicts.filter((conflict) => !isResumable(conflict, 'up'));
  if (blocking.length > 0) return { ...base, conflicts: blocking };
  const measured = new Map<string, Measured>();
  const collector = measure(shadow, measured);
  const { connection: _, ...choice } = settings;
  const result = await applyMigrations(
    { ...choice, connection: shadow.connection, tool: 'plan', lockTimeoutMs: 0, rehearse: true, ...collector },
    context,
  );
  if (result.conflicts.length > 0) return { ...base, conflicts: result.conflicts };
  const estimator = settings.connection === undefined ? undefined : new Estimator(settings.connection);
  const steps: PlanStep[] = [];
  for (const file of selectPending(state, settings)) {
    const found = measured.get(file.file);
    if (found?.result === undefined) continue;
    const migration = file.load();
    const estimate = shadow.hasRows
      ? undefined
      : estimator?.of(migration.up.statements, rebuiltTables(found.statements, migration.up.statements));
    steps.push({
      version: file.version,
      name: file.name,
      file: file.file,
      strategy: found.result.strategy,
      statements: found.statements,
      destructive: migration.up.statements.some((one) => isDestructive(one)),
      reversible: await isReversible(migration, settings.withoutPrograms === true),
      rows: estimate?.rows ?? found.result.rowsChanged,
      durationMs: found.result.durationMs,
      lockMs: longestHold(found.result, settings) ?? estimate?.lockMs ?? Math.round(found.result.durationMs),
      walBytes: estimate?.walBytes ?? found.walBytes,
      executed: migration.up.program === undefined || settings.withoutPrograms !== true,
      estimated: !shadow.hasRows,
    });
  }
  const needsDiskBytes = 2 * steps.reduce((sum, step) => sum + step.walBytes, 0);
  const sections = selectPending(state, settings).map((file) => file.load().up);
  const needsBackup = settings.connection === undefined ? null : losesData(settings.connection, sections);
  return { ...base, steps, conflicts: [], failed: result.failed, needsDiskBytes, needsBackup };
}

/** Work in batches holds the lock for as long as it aims at. */
function longestHold({ strategy }: FileResult, { long = defaultLongSettings }: PlanSettings): number | undefined {
  if (strategy === 'online') return long.online.targetHoldMs;
  return strategy === 'batches' ? long.data.targetHoldMs : undefined;
}

/** Collects what each file did: the statements come first, then the file itself. */
function measure(shadow: Shadow, into: Map<string, Measured>) {
  let statements: PlannedStatement[] = [];
  let walBefore = shadow.walBytes();
  const real = shadow.hasRows;
  return {
    onStatement: ({ line, text: sql, kind }: Statement, effect: StatementEffect): void => {
      statements.push({
        line,
        sql,
        kind,
        rowsChanged: real ? effect.rowsChanged : null,
        durationMs: real ? effect.durationMs : null,
        change: planned(effect.change),
      });
    },
    onFile: (result: FileResult): void => {
      const wal = shadow.walBytes();
      into.set(result.file, { statements, walBytes: wal - walBefore, result });
      statements = [];
      walBefore = wal;
    },
  };
}

/** Tables that a `migrate:table` copies as a whole, by folded name. */
function rebuiltTables(planned: readonly PlannedStatement[], statements: readonly Statement[]): ReadonlySet<string> {
  return new Set(
    statements.flatMap((statement, index) =>
      planned[index]?.change?.strategy === 'rebuild' ? [foldName(statement.target ?? '')] : [],
    ),
  );
}

function planned(change: TableChangeResult | undefined): PlannedStatement['change'] {
  return change === undefined ? null : { strategy: change.strategy, runs: change.runs, reason: change.reason };
}

/** Whether a program has a way down is known only when it has been loaded. */
async function isReversible({ down }: Migration, withoutPrograms: boolean): Promise<boolean> {
  if (withoutPrograms && down?.program !== undefined) return true;
  return down?.program === undefined ? down !== undefined : (await loadProgram(down.program.path)).down !== undefined;
}
