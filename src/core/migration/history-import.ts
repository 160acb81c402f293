import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { type AppendSettings, appendEvents } from './append.ts';
import { type ForeignTool, importReason, readForeignHistory, usualTables } from './foreign-history.ts';
import type { HistoryEvent } from './history.ts';
import { type MigrationFile, type MigrationSource, storedText } from './migration.ts';
import { takeSnapshot } from './snapshot.ts';
import { defaultHistoryTable, readMigrationState } from './state.ts';
import { type Version, versionKey } from './version.ts';

export interface ImportSettings extends AppendSettings {
  readonly source: MigrationSource;
  readonly from: ForeignTool;
  /** The table of the other tool; its usual name otherwise. */
  readonly sourceTable?: string;
  /** Accept versions without a file. */
  readonly allowMissing?: boolean;
  readonly dryRun: boolean;
}

export interface ImportResult {
  readonly events: readonly { readonly version: Version; readonly event: HistoryEvent; readonly reason: string }[];
  /** Versions of the other tool that have no file; with any, nothing is recorded unless allowed. */
  readonly missing: readonly string[];
  /** Files that are not what the other tool has applied, by its own checksum; with any, nothing is recorded. */
  readonly edited: readonly string[];
}

/** Takes over what another tool has applied. Its table stays as it is; rows get the checksums of today's files. */
export async function importHistory(settings: ImportSettings, context: OperationContext): Promise<ImportResult> {
  const { connection, source } = settings;
  const table = settings.table ?? defaultHistoryTable;
  const state = readMigrationState(connection, source, settings);
  if (state.rows.length > 0) {
    throw new TradedbError('usage', 'the database has a migration history already', {
      hint: 'see: tradedb migrate status',
    });
  }
  const byKey = new Map(state.files.map((file) => [versionKey(file.version), file]));
  const entries = readForeignHistory(connection, settings, state.files);
  const missing = entries
    .filter((entry) => !byKey.has(versionKey(entry.version)))
    .map((entry) => `${entry.version}${entry.name === '' ? '' : `_${entry.name}`}`);
  const edited = entries.flatMap((entry) => {
    const file = byKey.get(versionKey(entry.version));
    const differs = entry.checksum !== undefined && file?.flywayChecksum?.() !== entry.checksum;
    return file !== undefined && differs ? [file.file] : [];
  });
  const reason = importReason(settings.from, settings.sourceTable ?? usualTables[settings.from]);
  if ((missing.length > 0 && settings.allowMissing !== true) || edited.length > 0)
    return { events: [], missing, edited };
  if (!settings.dryRun) {
    await appendEvents(
      settings,
      () => {
        const snapshot = takeSnapshot(connection, table);
        return entries.map((entry, index) => ({
          ...(rowOfFile(byKey.get(versionKey(entry.version))) ?? {
            version: entry.version,
            name: entry.name,
            kind: 'sql' as const,
            sha256: null,
            sqlUp: null,
            sqlDown: null,
          }),
          event: 'imported' as const,
          reason,
          ...(index === entries.length - 1 ? { schemaDigest: snapshot.digest, schemaSnapshot: snapshot.blob } : {}),
        }));
      },
      context,
    );
  }
  return { events: entries.map((entry) => ({ version: entry.version, event: 'imported', reason })), missing, edited };
}

function rowOfFile(file: MigrationFile | undefined) {
  if (file === undefined) return undefined;
  const { up, down } = file.load();
  const { version, name, kind, sha256 } = file;
  return { version, name, kind, sha256, sqlUp: storedText(up), sqlDown: down === undefined ? null : storedText(down) };
}
