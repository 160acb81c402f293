import { TradedbError } from '../../error.ts';
import { cloneSchema } from '../../schema/clone.ts';
import { listTables, readObjects, sameName } from '../../schema/introspect.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import { executeSection } from '../execute-file.ts';
import { failureAt, type Place } from '../failure.ts';
import { advanced, type LongRun } from '../long/long-run.ts';
import type { OnlineWork } from '../long/progress.ts';
import { requireSpace } from '../rebuild.ts';
import type { SectionResult } from '../section-result.ts';
import type { Statement } from '../statement.ts';
import { readTableDefinition, type TableDefinition } from '../table-definition.ts';
import type { TableDirective } from '../table-directive.ts';
import { createLog, dropTriggers, logSize, openReplay, replay } from './change-log.ts';
import { removeWorkingTables } from './cleanup.ts';
import { compareRows } from './compare.ts';
import { copyRows } from './copy.ts';
import { canIgnore, withoutParents } from './definition-text.ts';
import { buildIndexes } from './index-build.ts';
import { planIndexes } from './index-plan.ts';
import { newForeignKeys, orphans } from './new-foreign-keys.ts';
import { objectsDigest } from './objects-digest.ts';
import { keepParts, OnlineRun } from './online-run.ts';
import { refuse } from './refuse.ts';
import { onlineNames, readSubject, type Subject, workingKey } from './subject.ts';
import { swapTables, withoutParent } from './swap.ts';

/**
 * Changes a table while others write to it: a copy in the new form is filled beside it, kept up to date by a log of
 * changed keys, compared, and put in its place in one short transaction. Where ALTER TABLE is enough it is used instead.
 */
export async function runOnline(
  run: LongRun,
  statement: Statement,
  directive: TableDirective,
): Promise<SectionResult['strategy']> {
  const place: Place = { ...run.step.place, line: statement.line, column: statement.column, statement: statement.text };
  run.session.onStart?.(place);
  try {
    return await change(run, { statement, directive });
  } catch (error) {
    if (!(error instanceof TradedbError) || error.details?.version !== undefined) throw error;
    if (['cancelled', 'internal', 'lease_held', 'database_locked'].includes(error.code)) throw error;
    throw failureAt(place, error.message, { cause: error });
  }
}

async function change(
  run: LongRun,
  { statement, directive }: { statement: Statement; directive: TableDirective },
): Promise<SectionResult['strategy']> {
  const { session, open, step } = run;
  const { connection } = session;
  const wanted = readTableDefinition(statement.text);
  if (wanted === undefined)
    throw refuse('migrate:table needs a CREATE TABLE with a list of columns', 'write the columns out');
  const alone = session.rehearse === true || connection.path === ':memory:';
  if (open.progress.work === null) {
    const strategy = await rehearse(run);
    if (strategy !== 'rebuild' || alone) {
      await open.transaction(async () => {
        const done = await executeSection(session, step.section, step.place);
        return advanced(run, done.rowsChanged);
      });
      return strategy === 'rebuild' ? 'online' : strategy;
    }
    await setUp(run, wanted, directive);
  } else if (alone) return again(run, directive);
  await finishOnline(run, wanted, directive);
  return 'online';
}

/** On a copy of a database whose change is half done: what was made is taken away, and the rest tried at once. */
async function again(run: LongRun, directive: TableDirective): Promise<SectionResult['strategy']> {
  const { session, open, step } = run;
  const { connection } = session;
  const work = open.progress.work as OnlineWork;
  const { names, key } = subjectOf(run, work, directive);
  await open.transaction(() => {
    dropTriggers(connection, names);
    return open.progress;
  });
  await removeWorkingTables(connection, names, {
    key,
    rows: () => 50_000,
    step: async (remove) => {
      await open.transaction(() => {
        remove();
        return open.progress;
      });
    },
  });
  await open.transaction(async () => {
    if (work.phase !== 'cleanup') await executeSection(session, step.section, step.place);
    return advanced(run, 0);
  });
  return 'online';
}

/** The whole change with all its checks on a clone of the schema: broken views are told before a row is copied. */
async function rehearse(run: LongRun): Promise<SectionResult['strategy']> {
  const { session, step } = run;
  const clone = cloneSchema(session.connection, session.connection.ports).connection;
  const { onStatement: _, onStart: __, ...quiet } = session;
  try {
    clone.exec('BEGIN');
    return (await executeSection({ ...quiet, connection: clone }, step.section, step.place)).strategy;
  } finally {
    clone.close();
  }
}

async function setUp(run: LongRun, wanted: TableDefinition, directive: TableDirective): Promise<void> {
  const { session, open } = run;
  const { connection } = session;
  const table = listTables(connection).find((one) => sameName(one.name, wanted.name))?.name ?? wanted.name;
  requireFitting(run, table, directive);
  requireSpace(connection, table);
  const rowsTotal = Number(connection.value(`SELECT count(*) FROM ${quoteIdentifier(table)}`));
  const names = onlineNames(table);
  await open.transaction(() => {
    connection.exec(withoutParents(wanted.rename(quoteIdentifier(names.shadow))));
    const subject = readSubject(connection, table, directive.fills);
    createLog(connection, subject);
    const last = connection
      .prepare(
        `SELECT ${subject.key.join(', ')} FROM ${quoteIdentifier(table)} ORDER BY ${subject.key.map((one) => `${one} DESC`).join(', ')} LIMIT 1`,
      )
      .withBigIntegers()
      .asArrays()
      .get<SqlValue[]>();
    const work: OnlineWork = {
      kind: 'online',
      table,
      phase: 'copy',
      after: null,
      end: last === undefined ? null : keepParts(last),
      rowsDone: 0,
      rowsTotal,
      rowsChanged: 0,
      elapsedMs: 0,
      indexesDone: 0,
      swapMs: null,
      objects: objectsDigest(connection, table),
    };
    return new OnlineRun(run, subject, work).progress(work);
  });
}

function requireFitting({ session }: LongRun, table: string, directive: TableDirective): void {
  const { connection } = session;
  if (connection.pragmaValue('journal_mode') !== 'wal') {
    throw refuse(
      'an online change needs WAL mode',
      'switch it on with PRAGMA journal_mode = WAL, or take the word online away',
    );
  }
  if (directive.renames.length > 0) {
    throw refuse(
      'an online change does not rename columns',
      'rename them in a file before it: ALTER TABLE ... RENAME COLUMN costs nothing',
    );
  }
  const objects = readObjects(connection);
  const left = objects.find((object) => object.type === 'table' && object.name.startsWith('_tradedb_online_'));
  if (left !== undefined) {
    throw refuse(
      `another online change has left ${left.name}`,
      'finish it with: tradedb migrate up, or drop what belongs to it',
    );
  }
  const ignoring = objects.find(
    (object) => object.type === 'trigger' && sameName(object.table, table) && canIgnore(object.sql),
  );
  if (ignoring !== undefined) {
    throw refuse(`trigger ${ignoring.name} uses RAISE(IGNORE), which could keep a change out of the log`);
  }
}

async function finishOnline(run: LongRun, wanted: TableDefinition, directive: TableDirective): Promise<void> {
  const { connection } = run.session;
  const work = run.open.progress.work;
  if (work?.kind !== 'online') throw new TradedbError('internal', 'the progress of an online change is missing');
  if (work.phase === 'abort') {
    throw new TradedbError('migration_interrupted', `the change of ${work.table} is being given up`, {
      hint: `finish that: tradedb migrate resolve ${run.step.place.version} --abort`,
    });
  }
  const online = new OnlineRun(run, subjectOf(run, work, directive), work);
  const { subject } = online;
  if (work.phase !== 'cleanup') {
    openReplay(connection, subject);
    const indexes = planIndexes(connection, subject.table, subject.names);
    const sql = wanted.rename(quoteIdentifier(subject.table));
    await copyRows(online, indexes);
    if (online.work.phase === 'index') await buildIndexes(online, indexes);
    await settle(online, sql);
    const hold = await swapTables(online, { sql, indexes });
    await online.batch(() => ({ swapMs: Math.round(hold * 1000) / 1000 }));
  }
  await removeWorkingTables(connection, subject.names, {
    key: subject.key,
    rows: () => online.pacing.rows,
    step: (remove) =>
      online.batch(() => {
        remove();
        return {};
      }),
  });
  const { rowsChanged, swapMs } = online.work;
  await run.open.transaction(() => ({ ...advanced(run, rowsChanged), swapMs }));
}

/** Behind the exchange only what is left of the old rows counts, and that may be nothing any more. */
function subjectOf({ session }: LongRun, work: OnlineWork, directive: TableDirective): Subject {
  const { connection } = session;
  if (work.phase !== 'cleanup') return readSubject(connection, work.table, directive.fills);
  const names = onlineNames(work.table);
  return { table: work.table, names, key: workingKey(connection, names.shadow), into: [], select: [] };
}

/** Lets the copy catch up, and makes sure that it is what it should be. */
async function settle(online: OnlineRun, sql: string): Promise<void> {
  const { connection, subject, pacing } = online;
  while (logSize(connection, subject.names) > 50) {
    await online.batch(() => {
      replay(connection, subject, Math.min(pacing.rows, 2000));
      return {};
    });
  }
  await online.step(() => ({ phase: 'compare' }));
  await compareRows(online);
  for (const key of newForeignKeys(connection, subject, sql)) {
    const found = orphans(connection, key, 'all');
    if (found > 0) throw withoutParent(subject.table, key.parent, found);
  }
}
