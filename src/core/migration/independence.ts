import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { schemaDigest } from '../schema/digest.ts';
import { foldName } from '../schema/normalise.ts';
import type { Connection } from '../sqlite/connection.ts';
import type { Migration, MigrationFile } from './migration.ts';
import { replayFiles } from './replay.ts';
import { userObjects } from './snapshot.ts';
import { defaultHistoryTable, isApplied, type MigrationState } from './state.ts';
import type { Statement } from './statement.ts';
import { compareVersions, isRepeatable, versionKey } from './version.ts';

/** Whether it matters which of two sets of files runs first. */
export interface Independence {
  /** Null when it could not be tried. */
  readonly independent: boolean | null;
  readonly reason: string;
}

/** A file that is older than what is applied, and whether that matters. */
export interface LateFile extends Independence {
  readonly file: string;
  /** The newer files that were there first. */
  readonly newer: readonly string[];
}

/** Asks for every pending file that is older than the newest applied one. */
export async function judgeLateFiles(state: MigrationState, context: OperationContext): Promise<LateFile[]> {
  const versions = state.files.filter((file) => !isRepeatable(file.version));
  const applied = versions.filter((file) => isApplied(file, state.states.get(versionKey(file.version))));
  return judgeEach(
    state.pending.filter((file) => !isRepeatable(file.version)),
    applied,
    context,
  );
}

/** The same for files that are to be put on top of others. */
export async function judgeEach(
  files: readonly MigrationFile[],
  base: readonly MigrationFile[],
  context: OperationContext,
): Promise<LateFile[]> {
  const late: LateFile[] = [];
  for (const file of files) {
    const newer = base.filter((one) => compareVersions(one.version, file.version) > 0);
    if (newer.length === 0) continue;
    const before = base.filter((one) => compareVersions(one.version, file.version) < 0);
    const answer = await tryBothOrders({ before, left: [file], right: newer }, context);
    late.push({ file: file.file, newer: newer.map((one) => one.file), ...answer });
  }
  return late;
}

export interface OrderQuestion {
  /** What both build on. */
  readonly before: readonly MigrationFile[];
  readonly left: readonly MigrationFile[];
  readonly right: readonly MigrationFile[];
}

/**
 * Tries both orders on shadows: independent are files that name no object of each other and lead to the same schema
 * either way. That proves the schema; rows are another matter, and the reason says so when there are statements for them.
 */
export async function tryBothOrders(question: OrderQuestion, context: OperationContext): Promise<Independence> {
  const { before, left, right } = question;
  const migrations = [...left, ...right].map((file) => file.load());
  const program = migrations.find((migration) => migration.up.program !== undefined);
  if (program !== undefined) {
    return { independent: null, reason: `what ${program.file} does to the rows is not known before it runs` };
  }
  const one = await inOrder([...before, ...left, ...right], context);
  const other = await inOrder([...before, ...right, ...left], context);
  if (typeof one === 'string' && typeof other === 'string')
    return { independent: null, reason: `neither order runs: ${one}` };
  if (typeof one === 'string' || typeof other === 'string') {
    return { independent: false, reason: `one order fails: ${typeof one === 'string' ? one : other}` };
  }
  if (one.digest !== other.digest) return { independent: false, reason: 'the two orders lead to different schemas' };
  const objects = new Set([...one.objects, ...other.objects]);
  const shared = [...touched(left, objects)].filter((name) => touched(right, objects).has(name));
  if (shared.length > 0) return { independent: false, reason: `both are about ${shared.sort().join(', ')}` };
  const rows = migrations.some((migration) => migration.up.statements.some(changesOnlyRows));
  return {
    independent: true,
    reason: `they share no object, and both orders lead to the same schema${rows ? '; for the rows that is no proof' : ''}`,
  };
}

type Outcome = { readonly digest: string; readonly objects: ReadonlySet<string> } | string;

/** The schema behind the files in exactly this order, whatever their versions; the error as text. */
async function inOrder(files: readonly MigrationFile[], context: OperationContext): Promise<Outcome> {
  let connection: Connection;
  try {
    connection = await replayFiles(renumbered(files), context);
  } catch (error) {
    if (error instanceof TradedbError && error.code !== 'cancelled' && error.code !== 'internal') return error.message;
    throw error;
  }
  try {
    const objects = userObjects(connection, defaultHistoryTable);
    return { digest: schemaDigest(objects), objects: new Set(objects.map((object) => foldName(object.name))) };
  } finally {
    connection.close();
  }
}

/** Versions in the order of the list, so that nothing is late; what a file requires is not asked. */
function renumbered(files: readonly MigrationFile[]): MigrationFile[] {
  return files.map((file, index) => {
    const version = String(index + 1);
    const { replaces: _, ...rest } = file;
    return {
      ...rest,
      version,
      load: (): Migration => {
        const { replaces: __, ...migration } = file.load();
        const options = { ...migration.up.options, requires: [] };
        return { ...migration, version, up: { ...migration.up, options } };
      },
    };
  });
}

/** Objects that the files name; the names in a statement are more than those, so only real ones count. */
function touched(files: readonly MigrationFile[], objects: ReadonlySet<string>): Set<string> {
  const names = new Set<string>();
  for (const file of files) {
    for (const statement of file.load().up.statements) {
      for (const name of statement.names) if (objects.has(name)) names.add(name);
      // What is gone afterwards is in no schema.
      for (const name of [statement.target, statement.table]) if (name !== undefined) names.add(foldName(name));
    }
  }
  return names;
}

function changesOnlyRows(statement: Statement): boolean {
  return ['insert', 'update', 'delete', 'other'].includes(statement.kind);
}
