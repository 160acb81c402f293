import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TradedbError } from '../../core/error.ts';
import type { UndoComparison, UndoTarget } from '../../core/migration/undo/undo.ts';
import type { Finding } from '../../core/report.ts';
import type { ObjectDifference } from '../../core/schema/diff.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { safetyLabel } from './safety-backup.ts';
import { folderOptions, lockTimeoutOption, migrationSource, openForReading, runSettings } from './settings.ts';

export interface MigrateUndoData {
  readonly dryRun: boolean;
  readonly database: string;
  readonly run: string;
  /** What is taken back: the versions of the run, and of the runs after it. */
  readonly versions: readonly string[];
  readonly backup: string;
  readonly repository: string;
  /** The database against its backup with the run repeated on it. */
  readonly tables: UndoComparison['tables'];
  readonly objects: readonly ObjectDifference[];
  /** Why the run could not be repeated; null when it was. */
  readonly notRepeated: string | null;
  readonly restored: boolean;
  /** Where the database lies that was there before; null when nothing was restored. */
  readonly oldDatabase: string | null;
}

export const definition = defineCommand({
  path: ['migrate', 'undo'],
  summary: 'bring the database back to what it was before a run',
  description:
    'Takes the safety backup that migrate up or down made before it wrote. First the backup is restored beside the database, the run is repeated there, and every table is compared: only when nobody has written anything since, nothing can be lost, and the backup takes the place of the database. Otherwise it refuses and shows the counts. The old file is kept.',
  options: {
    ...folderOptions,
    run: { type: 'text', value: 'id', summary: 'this run and all after it (the last run)' },
    repository: {
      type: 'text',
      value: 'name',
      short: 'R',
      summary: 'repository that holds the backup',
      env: 'TRADEDB_REPOSITORY',
      config: 'backup.repositories',
    },
    discardChanges: { type: 'flag', summary: 'bring it back although rows differ: they stay in the old file only' },
    lockTimeout: lockTimeoutOption,
  },
  examples: [
    { command: 'migrate undo -d trading.db', does: 'take back the last run, after a question' },
    { command: 'migrate undo -d trading.db --dry-run', does: 'compare, and say whether it could be taken back' },
    { command: 'migrate undo -d trading.db --run 20260301T093107Z-5d21c0aa --yes', does: 'a run of the history' },
  ],
  exitCodes: {
    0: 'taken back',
    1: 'rows or objects were changed since; nothing was touched',
    10: 'database not found, or the run has no backup (any more)',
    11: 'the database is in use',
    12: 'the backup is damaged; nothing was touched',
    15: 'something was written while the files were exchanged; the old file holds it',
  },
  changes: true,
  asks: true,
  async run({ options }, context) {
    const database = context.databasePath();
    const { source, table } = await migrationSource(options, context);
    const { chooseRun } = await import('../../core/migration/undo/undo.ts');
    const live = await openForReading(database, context);
    let target: UndoTarget;
    try {
      target = chooseRun(live, table, options.run);
    } finally {
      live.close();
    }
    const found = await findBackup(target, options.repository, context);
    const from = { backup: found.backup, repository: options.repository };
    const { tool, lockTimeoutMs } = runSettings(options, context);
    const compared = await compareOnCopy({ database, table, target, source, tool, from }, context);
    const base = {
      dryRun: context.dryRun,
      database,
      run: target.run,
      versions: target.versions,
      ...found,
      tables: compared.tables,
      objects: compared.objects,
      notRepeated: compared.notRepeated,
    };
    const changes = changeFindings(compared, options.discardChanges);
    const refused = changes.length > 0 && !options.discardChanges;
    if (refused || context.dryRun) {
      return context.report<MigrateUndoData>(
        { ...base, restored: false, oldDatabase: null },
        { findings: changes, status: refused ? 'failed' : 'ok' },
      );
    }
    await context.confirm(question(target, database, changes.length > 0));
    const oldDatabase = await restore(from, { replace: true, target: undefined }, context);
    const { openForMigration } = await import('../../core/migration/open.ts');
    const { recordUndone } = await import('../../core/migration/undo/undo.ts');
    const connection = await openForMigration(database, { create: false, lockTimeoutMs }, context);
    try {
      const { userName: user } = context.host;
      await recordUndone({ connection, table, tool, lockTimeoutMs, target, backup: found.backup, user }, context);
    } finally {
      connection.close();
    }
    const findings = [...changes, ...(await writtenMeanwhile(oldDatabase, table, compared, context))];
    return context.report<MigrateUndoData>({ ...base, restored: true, oldDatabase }, { findings });
  },
  exitCode: ({ findings }) => {
    if (findings.some((finding) => finding.id === 'undo.written-meanwhile')) return 15;
    return findings.some((finding) => finding.severity === 'critical') ? 1 : 0;
  },
});

interface FoundBackup {
  readonly backup: string;
  readonly repository: string;
}

interface RestoreFrom {
  readonly backup: string;
  /** As the operator named it. */
  readonly repository: string | undefined;
}

/** The backup that was made before the run. */
async function findBackup(
  target: UndoTarget,
  wanted: string | undefined,
  context: CommandContext,
): Promise<FoundBackup> {
  const { databaseIdIfAny, openChosen } = await import('../backup/repository-option.ts');
  const hint = `a run that loses nothing makes no backup: take it back with tradedb migrate down --steps ${target.versions.length}`;
  try {
    const repository = await openChosen(context, wanted);
    const { points } = await repository.points(await databaseIdIfAny(context));
    const point = points.findLast((one) => one.label === safetyLabel(target.run));
    if (point !== undefined) return { backup: point.id, repository: repository.name };
    throw new TradedbError('backup_not_found', `run ${target.run} has no safety backup in ${repository.name}`, {
      hint,
    });
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'backup_not_found') throw error;
    throw new TradedbError('backup_not_found', error.message, { hint, cause: error });
  }
}

type CompareRequest = Omit<
  Parameters<typeof import('../../core/migration/undo/undo.ts').compareWithRepetition>[0],
  'live' | 'copy'
> & {
  readonly database: string;
  readonly from: RestoreFrom;
};

/** Restores the backup into a folder of its own, repeats the run there, and compares. */
async function compareOnCopy(request: CompareRequest, context: CommandContext): Promise<UndoComparison> {
  const { compareWithRepetition } = await import('../../core/migration/undo/undo.ts');
  const { openForMigration } = await import('../../core/migration/open.ts');
  const folder = await mkdtemp(join(context.host.temporaryDirectory, 'tradedb-undo-'));
  try {
    const path = join(folder, 'copy.db');
    await restore(request.from, { replace: false, target: path }, { ...context, dryRun: false });
    const copy = await openForMigration(path, { create: false, lockTimeoutMs: 0 }, context);
    try {
      const live = await openForReading(request.database, context);
      try {
        return await compareWithRepetition({ ...request, live, copy }, context);
      } finally {
        live.close();
      }
    } finally {
      copy.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The command that the operator would type; the question has been asked. Returns where the old file is. */
async function restore(
  from: RestoreFrom,
  how: { readonly replace: boolean; readonly target: string | undefined },
  context: CommandContext,
): Promise<string | null> {
  const { definition: restoreRun } = await import('../restore/run.ts');
  const options = {
    repository: from.repository,
    toLatest: false,
    toTime: undefined,
    toTx: undefined,
    toMark: undefined,
    before: false,
    backup: from.backup,
    ...how,
    discardOld: false,
    noCheckpoint: false,
    force: false,
    check: how.replace ? undefined : ('none' as const),
    workers: undefined,
    resume: false,
    abort: false,
  };
  // The old file is what a mistake is corrected with, whatever restore.keepOld says.
  const config = { ...context.config, restore: { ...context.config.restore, keepOld: true } };
  const { data } = await restoreRun.run({ options, arguments: [] }, { ...context, config, confirm: async () => {} });
  return data.oldDatabase;
}

/** What would be lost; only told when the operator discards it knowingly. */
function changeFindings(compared: UndoComparison, discard: boolean): Finding[] {
  const severity = discard ? ('warning' as const) : ('critical' as const);
  if (compared.notRepeated !== null) {
    return [
      {
        id: 'undo.not-repeated',
        severity,
        message: `the run cannot be repeated on its backup, so nobody can say what was written since: ${compared.notRepeated}`,
        hint: 'bring it back anyway with --discard-changes; the old file is kept',
      },
    ];
  }
  const hint = 'rows written since would be lost: copy them first, or give --discard-changes; the old file is kept';
  return [
    ...compared.objects.map((object) => ({
      id: 'undo.object-changed',
      severity,
      subject: `${object.type} ${object.name}`,
      message: { missing: 'was dropped since', extra: 'was made since', changed: 'was changed since' }[object.change],
      hint,
    })),
    ...compared.tables
      .filter((one) => !one.equal)
      .map(({ name, rowsExpected, rowsActual }) => ({
        id: 'undo.rows-changed',
        severity,
        subject: name,
        message: `holds ${rowsActual ?? 'no'} rows; the run left ${rowsExpected ?? 'none'}${rowsActual === rowsExpected ? ', and some of them are different' : ''}`,
        hint,
        values: { ...(rowsExpected === null ? {} : { rowsExpected }), ...(rowsActual === null ? {} : { rowsActual }) },
      })),
  ];
}

/** Between the comparison and the exchange a process may have opened, written and closed: the old file tells. */
async function writtenMeanwhile(
  oldDatabase: string | null,
  table: string,
  compared: UndoComparison,
  context: CommandContext,
): Promise<Finding[]> {
  if (oldDatabase === null) return [];
  const { compareContents, readContents } = await import('../../core/migration/undo/table-content.ts');
  const connection = await openForReading(oldDatabase, context);
  try {
    const changed = compareContents(compared.contents, readContents(connection, table, context.signal)).filter(
      (one) => !one.equal,
    );
    return changed.map(({ name, rowsExpected, rowsActual }) => ({
      id: 'undo.written-meanwhile',
      severity: 'critical' as const,
      subject: name,
      message: `was written while the files were exchanged: ${rowsExpected ?? 'no'} rows, then ${rowsActual ?? 'none'}`,
      hint: `the rows are in ${JSON.stringify(oldDatabase)}: stop the writers, and copy them, or put that file back`,
    }));
  } finally {
    connection.close();
  }
}

function question({ run, versions }: UndoTarget, database: string, discards: boolean): string {
  const lost = discards ? ' and DISCARD what was written since' : '';
  return `take back run ${run} (${versions.join(', ')}) of ${JSON.stringify(database)}${lost}?`;
}
