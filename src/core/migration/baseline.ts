import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { diffObjects, type ObjectDifference } from '../schema/diff.ts';
import { type AppendSettings, appendEvents } from './append.ts';
import type { HistoryEvent } from './history.ts';
import { type MigrationFile, type MigrationSource, storedText } from './migration.ts';
import { replayFiles } from './replay.ts';
import { takeSnapshot, userObjects } from './snapshot.ts';
import { defaultHistoryTable, type MigrationState, readMigrationState } from './state.ts';
import { requireKnown } from './up.ts';
import { compareVersions, type Version } from './version.ts';

export interface BaselineSettings extends AppendSettings {
  readonly source: MigrationSource;
  /** Newest version that the database already has; the newest file otherwise. */
  readonly version?: Version;
  /** Record it although the schema differs. */
  readonly force?: boolean;
  readonly dryRun: boolean;
}

export interface BaselineResult {
  readonly events: readonly {
    readonly version: Version;
    readonly event: HistoryEvent;
    readonly reason: string | null;
  }[];
  /** What differs between the files and the database; with any, nothing is recorded unless forced. */
  readonly differences: readonly ObjectDifference[];
}

/** Declares that a database without history already has the files up to a version, after comparing both. */
export async function recordBaseline(settings: BaselineSettings, context: OperationContext): Promise<BaselineResult> {
  const { connection } = settings;
  const table = settings.table ?? defaultHistoryTable;
  const state = readMigrationState(connection, settings.source, settings);
  requireNoHistory(state);
  const files = filesUpTo(settings.version, state);
  const replayed = await replayFiles(files, context, table);
  let differences: ObjectDifference[];
  try {
    differences = diffObjects(userObjects(replayed, table), userObjects(connection, table));
  } finally {
    replayed.close();
  }
  if (differences.length > 0 && settings.force !== true) return { events: [], differences };
  const reason = differences.length === 0 ? null : `forced although ${differences.length} objects differ`;
  if (!settings.dryRun) {
    await appendEvents(
      settings,
      () => {
        requireNoHistory(readMigrationState(connection, settings.source, settings));
        const snapshot = takeSnapshot(connection, table);
        return files.map((file, index) => ({
          ...rowOf(file),
          event: 'baselined' as const,
          ...(reason === null ? {} : { reason }),
          ...(index === files.length - 1 ? { schemaDigest: snapshot.digest, schemaSnapshot: snapshot.blob } : {}),
        }));
      },
      context,
    );
  }
  return { events: files.map((file) => ({ version: file.version, event: 'baselined', reason })), differences };
}

function rowOf(file: MigrationFile) {
  const { up, down } = file.load();
  const { version, name, kind, sha256 } = file;
  return { version, name, kind, sha256, sqlUp: storedText(up), sqlDown: down === undefined ? null : storedText(down) };
}

function filesUpTo(version: Version | undefined, state: MigrationState): MigrationFile[] {
  if (version !== undefined) requireKnown(version, state);
  const files = state.files.filter((file) => version === undefined || compareVersions(file.version, version) <= 0);
  if (files.length > 0) return files;
  throw new TradedbError('usage', 'there is no migration file to take as the baseline', {
    hint: 'check --dir and --version',
  });
}

function requireNoHistory(state: MigrationState): void {
  if (state.rows.length === 0) return;
  throw new TradedbError('usage', 'the database has a migration history already', {
    hint: 'see: tradedb migrate status',
  });
}
