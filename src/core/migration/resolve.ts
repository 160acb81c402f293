import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../context.ts';
import { fromFileSystem, TradedbError } from '../error.ts';
import { type AppendSettings, appendEvents, type EventRow } from './append.ts';
import type { Conflict } from './conflict.ts';
import type { HistoryEvent, VersionState } from './history.ts';
import { type Abandoned, abortStep } from './long/abort.ts';
import { defaultLongSettings, type LongSettings } from './long/settings.ts';
import { type MigrationFile, type MigrationSource, storedText } from './migration.ts';
import { type MigrationState, readMigrationState } from './state.ts';
import { freshVersion } from './template.ts';
import { type Version, versionKey } from './version.ts';

export type Resolution = 'accept-edit' | 'mark-applied' | 'mark-rolled-back' | 'forget' | 'renumber' | 'abort';

export interface ResolveSettings extends AppendSettings {
  readonly source: MigrationSource;
  readonly version: Version;
  readonly resolution: Resolution;
  /** Why; kept in the history. */
  readonly reason: string;
  /** Who, for the history. */
  readonly user: string;
  /** Which file gets the new version, when several have this one. */
  readonly file?: string;
  /** Who takes a half-done file over to give it up; needed for `abort`. */
  readonly long?: LongSettings;
  /** Decide and check, but write nothing. */
  readonly dryRun: boolean;
}

export interface ResolveResult {
  readonly events: readonly { readonly version: Version; readonly event: HistoryEvent; readonly reason: string }[];
  readonly renamed: { readonly from: string; readonly to: string } | null;
  /** What `abort` leaves as it is; null for the other ways. */
  readonly abandoned: Abandoned | null;
  /** Conflicts that are left. */
  readonly conflicts: readonly Conflict[];
}

/** Settles one conflict by a row in the history, or by a new version for a file. Runs no SQL of a migration. */
export async function resolveConflict(settings: ResolveSettings, context: OperationContext): Promise<ResolveResult> {
  const { connection, source, version, dryRun } = settings;
  const reason = `${settings.reason} (${settings.user})`;
  const decided: EventRow[] = [];
  let renamed: ResolveResult['renamed'] = null;
  if (settings.resolution === 'abort') return abort(settings, reason, context);
  const decide = (): EventRow[] => {
    const state = readMigrationState(connection, source, settings);
    if (settings.resolution === 'renumber') {
      const file = chooseFile(state, settings);
      renamed = { from: file.file, to: newName(file, source.directory, context) };
      decided.push({ ...rowOf(file), event: 'renumbered', reason: `${renamed.from} became ${renamed.to}: ${reason}` });
    } else decided.push({ ...decideRow(state, settings), reason });
    return decided;
  };
  if (dryRun) decide();
  else await appendEvents(settings, decide, context);
  if (renamed !== null && !dryRun) rename(source.directory, renamed);
  const conflicts = dryRun ? [] : readMigrationState(connection, source, settings).conflicts;
  const events = decided.map((row) => ({ version: row.version, event: row.event, reason: row.reason ?? reason }));
  return {
    events,
    renamed,
    abandoned: null,
    conflicts: conflicts.filter((one) => versionKey(one.version) === versionKey(version)),
  };
}

async function abort(settings: ResolveSettings, reason: string, context: OperationContext): Promise<ResolveResult> {
  const { connection, source, version, dryRun, long = defaultLongSettings } = settings;
  const abandoned = await abortStep({ ...settings, long, reason }, context);
  const conflicts = dryRun ? [] : readMigrationState(connection, source, settings).conflicts;
  return {
    events: [{ version, event: 'aborted', reason }],
    renamed: null,
    abandoned,
    conflicts: conflicts.filter((one) => versionKey(one.version) === versionKey(version)),
  };
}

function decideRow(state: MigrationState, { version, resolution }: ResolveSettings): EventRow {
  const key = versionKey(version);
  const known = state.states.get(key);
  const file = state.files.find((one) => versionKey(one.version) === key);
  const conflict = state.conflicts.find((one) => versionKey(one.version) === key);
  switch (resolution) {
    case 'accept-edit':
      if (file === undefined || conflict?.class !== 'edited') throw notFitting(version, 'its file is not edited');
      return { ...rowOf(file), event: 'accepted' };
    case 'mark-applied':
      if (file === undefined || known?.applied !== undefined) throw notFitting(version, 'it is not a pending file');
      return { ...rowOf(file), event: 'marked_applied' };
    case 'mark-rolled-back':
      if (known?.applied === undefined) throw notFitting(version, 'it is not applied');
      return { ...rowOfState(known), event: 'marked_rolled_back' };
    default:
      if (known?.applied === undefined || file !== undefined)
        throw notFitting(version, 'it is not an applied version whose file is gone');
      return { ...rowOfState(known), event: 'forgotten' };
  }
}

function notFitting(version: Version, why: string): TradedbError {
  return new TradedbError('usage', `${version} cannot be resolved this way: ${why}`, {
    hint: 'see: tradedb migrate status',
  });
}

function rowOf(file: MigrationFile): Omit<EventRow, 'event'> {
  const { up, down } = file.load();
  const { version, name, kind, sha256 } = file;
  const sqlDown = down === undefined ? null : storedText(down);
  return { version, name, file: file.file, kind, sha256, sqlUp: storedText(up), sqlDown };
}

function rowOfState({ version, row }: VersionState): Omit<EventRow, 'event'> {
  return { version, name: row.name, kind: row.kind, sha256: row.sha256, sqlUp: null, sqlDown: null };
}

function chooseFile(state: MigrationState, { version, file }: ResolveSettings): MigrationFile {
  const key = versionKey(version);
  const files = state.files.filter(
    (one) => versionKey(one.version) === key && (file === undefined || one.file === file),
  );
  const [only] = files;
  if (only === undefined)
    throw notFitting(
      version,
      file === undefined ? 'there is no file of this version' : `${JSON.stringify(file)} is no file of this version`,
    );
  if (files.length > 1) {
    throw new TradedbError('usage', `${files.map((one) => one.file).join(' and ')} have the version ${version}`, {
      hint: 'say which one gets a new version with --file',
    });
  }
  if (state.states.get(key)?.applied?.sha256 === only.sha256)
    throw notFitting(version, `${only.file} is applied as it stands`);
  return only;
}

function newName(file: MigrationFile, directory: string, context: OperationContext): string {
  if (!/^\d/.test(file.file)) throw notFitting(file.version, `${file.file} must be renamed by hand`);
  const version = freshVersion(directory, context.clock.wallTime());
  return `${version}${file.file.slice(file.version.length)}`;
}

function rename(directory: string, { from, to }: { from: string; to: string }): void {
  try {
    if (existsSync(join(directory, to))) throw new TradedbError('usage', `${to} exists already`);
    const [down, newDown] = [from, to].map((name) => join(directory, name.replace(/\.up\.sql$/, '.down.sql'))) as [
      string,
      string,
    ];
    renameSync(join(directory, from), join(directory, to));
    // The other half of a pair goes along.
    if (existsSync(down)) renameSync(down, newDown);
  } catch (error) {
    throw fromFileSystem(error, join(directory, from));
  }
}
