import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { replayObjects } from '../schema/clone.ts';
import { diffObjects, type ObjectDifference } from '../schema/diff.ts';
import type { SchemaObject } from '../schema/introspect.ts';
import { type Connection, openMemory } from '../sqlite/connection.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import { plainSession } from './append.ts';
import type { Conflict } from './conflict.ts';
import { executeSection } from './execute-file.ts';
import { parseStored } from './format/native.ts';
import { type HistoryRow, HistoryTable } from './history.ts';
import type { MigrationSource } from './migration.ts';
import { replayFiles } from './replay.ts';
import { openSnapshot, userObjects } from './snapshot.ts';
import { defaultHistoryTable, type MigrationState, readMigrationState } from './state.ts';
import { versionKey } from './version.ts';

export interface DriftSettings {
  readonly connection: Connection;
  readonly source: MigrationSource;
  readonly table?: string;
  /** Compare with the files instead of what the last run recorded. */
  readonly fromFiles?: boolean;
  /** Compare with this database instead. */
  readonly against?: Connection;
  /** Names of objects that are left out; `*` stands for any characters. */
  readonly ignore?: readonly string[];
}

export interface DriftObject extends ObjectDifference {
  /** SQL that would bring the object back; it is only shown. */
  readonly repairSql: string;
}

export interface DriftResult {
  readonly expectedFrom: 'history' | 'files' | 'database';
  readonly objectsCompared: number;
  readonly objects: readonly DriftObject[];
  /** When there are any, nothing was compared. */
  readonly conflicts: readonly Conflict[];
}

/** Compares the schema with what it should be. Differences of spelling are none. Only reads. */
export async function findDrift(settings: DriftSettings, context: OperationContext): Promise<DriftResult> {
  const { connection, source } = settings;
  const table = settings.table ?? defaultHistoryTable;
  const kept = (objects: readonly SchemaObject[]): SchemaObject[] =>
    objects.filter((object) => !isIgnored(object.name, settings.ignore ?? []));
  const actual = kept(userObjects(connection, table));
  const compare = (expectedFrom: DriftResult['expectedFrom'], expected: readonly SchemaObject[]): DriftResult => {
    const wanted = kept(expected);
    const objects = diffObjects(wanted, actual).map((one) => ({ ...one, repairSql: repairSql(one) }));
    return { expectedFrom, objectsCompared: Math.max(wanted.length, actual.length), objects, conflicts: [] };
  };
  if (settings.against !== undefined) return compare('database', userObjects(settings.against, table));
  const state = readMigrationState(connection, source, { table, allowOutOfOrder: true });
  const fromHistory =
    settings.fromFiles === true ? undefined : await expectedFromHistory(connection, state, table, context);
  if (fromHistory !== undefined) return compare('history', fromHistory);
  if (state.conflicts.length > 0)
    return { expectedFrom: 'files', objectsCompared: 0, objects: [], conflicts: state.conflicts };
  const replayed = await replayFiles(
    state.files.filter((file) => state.states.get(versionKey(file.version))?.applied !== undefined),
    context,
    table,
  );
  try {
    return compare('files', userObjects(replayed, table));
  } finally {
    replayed.close();
  }
}

/** The newest recorded schema, with the statements of later rows on top; undefined when nothing was recorded. */
async function expectedFromHistory(
  connection: Connection,
  state: MigrationState,
  table: string,
  context: OperationContext,
): Promise<SchemaObject[] | undefined> {
  const history = new HistoryTable(connection, table);
  const last = state.rows.findLast((row) => row.schemaDigest !== null);
  const blob = last === undefined ? null : history.snapshot(last.seq);
  if (last === undefined || blob === null) return undefined;
  const later = state.rows.filter((row) => row.seq > last.seq && changesSchema(row));
  const recorded = openSnapshot(blob);
  if (later.length === 0) return recorded;
  const memory = openMemory(context);
  try {
    const [broken] = replayObjects(memory, recorded);
    if (broken !== undefined)
      throw new TradedbError('unsupported', `${broken.object.name} cannot be made in memory: ${broken.reason}`, {
        hint: 'compare with the files: --from-files',
      });
    const session = plainSession({ connection: memory, table, tool: 'drift', lockTimeoutMs: 0 }, context);
    for (const row of later) {
      const up = row.event === 'applied' || row.event === 'marked_applied';
      const stored = history.storedSql(row.seq);
      const sql = up ? stored.up : stored.down;
      if (sql === null)
        throw new TradedbError('unsupported', `the history does not hold what ${row.version} did`, {
          hint: 'compare with the files: --from-files',
        });
      memory.exec('BEGIN');
      await executeSection(session, parseStored(sql, up ? 'up' : 'down', `stored ${row.version}`), {
        version: row.version,
        file: row.version,
      });
      memory.exec('COMMIT');
    }
    return userObjects(memory, table);
  } finally {
    memory.close();
  }
}

function changesSchema(row: HistoryRow): boolean {
  return ['applied', 'rolled_back', 'marked_applied', 'marked_rolled_back'].includes(row.event);
}

/** Whether `migrations.drift.ignore` leaves the object out. */
export function isIgnored(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => new RegExp(`^${pattern.split('*').map(quotePattern).join('.*')}$`, 'i').test(name));
}

function quotePattern(text: string): string {
  return text.replace(/[\\^$.+?()[\]{}|]/g, '\\$&');
}

function repairSql(difference: ObjectDifference): string {
  const drop = `DROP ${difference.type.toUpperCase()} ${quoteIdentifier(difference.name)};`;
  if (difference.expected === null) return drop;
  if (difference.actual === null) return `${difference.expected};`;
  // A table cannot be dropped and made again without its rows.
  return difference.type === 'table'
    ? `-- rebuild the table as:\n${difference.expected};`
    : `${drop}\n${difference.expected};`;
}
