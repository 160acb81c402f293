import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Repository } from '../../core/backup/repository/repository.ts';
import type {
  BackupFacts,
  DriftFacts,
  HealthFacts,
  MigrationFacts,
  MigrationHistoryReader,
  ProofOfBackups,
} from '../../core/health/check.ts';
import type { SchemaEntry } from '../../core/health/schema-pages.ts';
import type { HistoryRow } from '../../core/migration/history.ts';
import { lastRun } from '../../core/run-record.ts';
import type { SchemaObject } from '../../core/schema/introspect.ts';
import type { CommandContext } from '../definition.ts';
import { evidenceOf } from './evidence.ts';

/** What other rooms know about the database; their modules are loaded only when there is something to ask. */
export function factsOf(context: CommandContext): HealthFacts {
  // Two checks ask; the repository is read once.
  let backups: Promise<BackupFacts | undefined> | undefined;
  return {
    ownWork: () => ownWork(context),
    newestBackup: () => {
      backups ??= newestBackup(context);
      return backups;
    },
    pageEvidence: evidenceOf(context),
    lastRun: (job) => lastRun(context.stateDirectory(), job),
    migrations: (history) => migrationFacts(history, context),
    schemaDrift: (objects, history) => driftFacts(objects, history, context),
  };
}

/** Backup, migration and maintenance hold a lease while they work. */
async function ownWork(context: CommandContext): Promise<{ pid: number; purpose: string } | undefined> {
  const { currentHolder, databaseLeaseFolder, databaseLeaseName } = await import('../../core/lease.ts');
  const { pid, hostname } = context.host;
  const name = databaseLeaseName(context.databasePath());
  const directory = databaseLeaseFolder(context.stateDirectory());
  return currentHolder({ directory, name, owner: { pid, hostname } }, context.clock);
}

async function newestBackup(context: CommandContext): Promise<BackupFacts | undefined> {
  const configured = Object.values(context.config.backup.repositories)[0];
  // A server is asked by monitor serve, not by a check that cron runs every five minutes.
  if (configured !== undefined && configured.kind !== 'folder') return undefined;
  const path = context.resolveConfigured(configured?.path ?? 'backups');
  if (!existsSync(join(path, 'FORMAT'))) {
    // Without a word in the configuration, backups may be somebody else's business.
    return configured === undefined ? undefined : { newestAt: undefined, id: undefined, count: 0, place: path };
  }
  const { openLocked, databaseIdIfAny } = await import('../backup/repository-option.ts');
  const repository = await openLocked(context);
  const databaseId = await databaseIdIfAny(context);
  const { points } = await repository.points(databaseId);
  const newest = points.at(-1);
  return {
    newestAt: newest === undefined ? undefined : Date.parse(newest.createdAt),
    id: newest?.id,
    count: points.length,
    place: path,
    verified: databaseId === undefined ? undefined : await verificationOf(repository, databaseId),
  };
}

/** The newest time at which a backup was read from end to end, and whether one was found damaged since. */
async function verificationOf(repository: Repository, databaseId: string): Promise<ProofOfBackups | undefined> {
  const { readVerified } = await import('../../core/backup/verify/verified-points.ts');
  const verdicts = [...(await readVerified(repository, databaseId)).values()];
  const damaged = verdicts.filter(({ level }) => level === 0);
  const whole = verdicts.filter(({ level }) => level >= 2);
  const newest = [...damaged, ...whole]
    .map(({ at }) => Date.parse(at))
    .sort((a, b) => a - b)
    .at(-1);
  if (newest === undefined) return undefined;
  const summary =
    damaged.length > 0
      ? `${damaged.length} of ${verdicts.length} backups are damaged`
      : `${whole.length} backups were read and are whole`;
  return { at: newest, passed: damaged.length === 0, summary };
}

async function migrationFacts(
  history: MigrationHistoryReader,
  context: CommandContext,
): Promise<MigrationFacts | undefined> {
  const directory = context.resolveConfigured(context.config.migrations.directory);
  if (!existsSync(directory)) return undefined;
  const rows = history(context.config.migrations.table);
  // A folder that only happens to be called "migrations" says nothing about a database without a history.
  if (rows === undefined && context.configPath === undefined) return undefined;
  const [{ folderSource }, { findConflicts, conflictFinding }, { versionStates }, { versionKey }] = await Promise.all([
    import('../../core/migration/source-folder.ts'),
    import('../../core/migration/conflict.ts'),
    import('../../core/migration/history.ts'),
    import('../../core/migration/version.ts'),
  ]);
  const files = folderSource(directory).list();
  const states = versionStates((rows ?? []).map(toHistoryRow));
  const pending = files.filter((file) => states.get(versionKey(file.version))?.applied === undefined);
  const conflicts = findConflicts(files, states, { allowOutOfOrder: context.config.migrations.outOfOrder });
  return {
    applied: [...states.values()].filter((state) => state.applied !== undefined).length,
    pending: pending.map((file) => file.file),
    conflicts: conflicts.map((conflict) => conflictFinding(conflict).message),
  };
}

/**
 * As `migrate drift`, from pages instead of SQL. Undefined without a recorded schema, and when a later row changed it
 * without recording one: then only a replay can tell.
 */
async function driftFacts(
  entries: readonly SchemaEntry[],
  history: MigrationHistoryReader,
  context: CommandContext,
): Promise<DriftFacts | undefined> {
  const { table, drift } = context.config.migrations;
  const rows = history(table);
  const last = rows?.findLast((row) => recording.has(String(row.event)));
  if (!(last?.schema_snapshot instanceof Uint8Array)) return undefined;
  const [{ openSnapshot, userObjectsOf }, { isIgnored }, { diffObjects }] = await Promise.all([
    import('../../core/migration/snapshot.ts'),
    import('../../core/migration/drift.ts'),
    import('../../core/schema/diff.ts'),
  ]);
  const kept = (objects: readonly SchemaObject[]): SchemaObject[] =>
    objects.filter(({ name }) => !isIgnored(name, drift.ignore));
  const made = entries.filter(({ sql, name }) => sql !== '' && !/^sqlite_/i.test(name)) as unknown as SchemaObject[];
  const actual = kept(userObjectsOf(made, table));
  const expected = kept(openSnapshot(last.schema_snapshot));
  const words = { missing: 'is missing', extra: 'is not in the migrations', changed: 'differs' } as const;
  return {
    objectsCompared: Math.max(expected.length, actual.length),
    differences: diffObjects(expected, actual).map(({ type, name, change }) => ({
      subject: `${type} ${name}`,
      message: words[change],
    })),
  };
}

const recording: ReadonlySet<string> = new Set([
  'applied',
  'rolled_back',
  'squashed',
  'baselined',
  'marked_applied',
  'marked_rolled_back',
]);

/** A row as it lies in the table, in the order of its sequence. */
function toHistoryRow(row: Readonly<Record<string, unknown>>, index: number): HistoryRow {
  return {
    ...row,
    seq: index + 1,
    durationMs: row.duration_ms ?? null,
    schemaDigest: row.schema_digest ?? null,
  } as never;
}
