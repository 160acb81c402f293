import { TradedbError, throwIfCancelled } from '../error.ts';
import { foldName } from '../schema/normalise.ts';
import { retryWhileBusy } from '../sqlite/busy-retry.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import type { SqlParameters, SqlValue } from '../sqlite/statement.ts';
import { failureAt, type Place } from './failure.ts';
import { defaultOptions } from './format/marker.ts';
import { createKnex, type KnexTarget } from './knex-client.ts';
import type { MigrationOptions, Program } from './migration.ts';
import { tableSql } from './native-alter.ts';
import type { ObjectRecord } from './post-check/lost-objects.ts';
import { loadProgram } from './program.ts';
import { rebuildTable } from './rebuild.ts';
import { renameIsRebuild } from './rename-mode.ts';
import type { Done } from './section-result.ts';
import type { Session } from './session.ts';
import { readStatements, type Statement } from './statement.ts';
import { refuseStatement } from './statement-guard.ts';
import { changeTable } from './table-change.ts';
import { readTableDefinition } from './table-definition.ts';

/** What a program gets beside knex. */
export interface ProgramTools {
  /** Makes a table look like the CREATE TABLE statement: ALTER where it is enough, otherwise a safe rebuild. */
  changeTable(
    name: string,
    createTableSql: string,
    options?: { rename?: Record<string, string>; fill?: Record<string, string> },
  ): void;
  /** Runs any number of statements; `knex.raw` takes one. */
  exec(sql: string): void;
}

/** Savepoints that knex itself sets for nested transactions. */
const knexSavepoint = /^(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) trx\d+;?$/;

/** Runs one direction of a program on our connection, inside our transaction and under the statement guard. */
export async function runProgram(
  session: Session,
  program: Program,
  at: { file: Place; objects: ObjectRecord; transaction?: boolean },
): Promise<Done> {
  const { direction } = program;
  const exported = await loadProgram(program.path, direction === 'down' ? 'up' : direction);
  const runner = new ProgramRunner(session, at);
  const knex = createKnex(runner);
  try {
    await exported[direction]?.(knex, runner.tools());
    const rows = direction === 'up' ? await exported.verify?.(knex, runner.tools()) : undefined;
    if (Array.isArray(rows) && rows.length > 0)
      throw failureAt(at.file, `verification found a row: ${JSON.stringify(rows[0])}`);
  } catch (error) {
    throw runner.explain(error);
  } finally {
    runner.close();
  }
  if (at.transaction === false) runner.requireEnded();
  else if (!session.connection.inTransaction) throw runner.explain(undefined);
  return { statements: runner.statements, rowsChanged: runner.rowsChanged, strategy: 'program' };
}

class ProgramRunner implements KnexTarget {
  readonly statements: Statement[] = [];
  rowsChanged = 0;
  readonly #session: Session;
  readonly #file: Place;
  readonly #tablesBefore: ReadonlySet<string>;
  readonly #options: MigrationOptions;
  #closed = false;

  constructor(session: Session, at: { file: Place; objects: ObjectRecord; transaction?: boolean }) {
    this.#session = session;
    this.#options = { ...defaultOptions, transaction: at.transaction !== false };
    this.#file = at.file;
    const tables = at.objects.objects.filter((object) => object.type === 'table');
    this.#tablesBefore = new Set(tables.map((object) => foldName(object.name)));
  }

  get path(): string {
    return this.#session.connection.path;
  }

  /** One statement of knex. Throws what the program then sees. */
  query(
    sql: string,
    bindings: readonly unknown[],
  ): { rows?: unknown[]; changes: number; lastInsertRowid: number | bigint } {
    const { connection, context } = this.#session;
    throwIfCancelled(context.signal);
    if (this.#closed) throw new Error('the migration has ended: a query was not awaited');
    if (this.#options.transaction && !connection.inTransaction)
      throw new Error('the transaction was ended by an earlier statement');
    const statement = this.#admit(sql);
    this.#session.onStart?.({ ...this.#file, statement: sql });
    const started = context.clock.now();
    const rebuild =
      statement?.kind === 'rename_table' && renameIsRebuild(statement, [], this.#tablesBefore, connection);
    if (rebuild) connection.exec('PRAGMA legacy_alter_table = ON');
    try {
      const prepared = connection.prepare(sql);
      const parameters = bindings as readonly SqlValue[] as SqlParameters;
      const rows = prepared.returnsRows ? this.#whenFree(() => prepared.all(parameters)) : undefined;
      const result =
        rows === undefined ? this.#whenFree(() => prepared.run(parameters)) : { changes: 0, lastInsertRowid: 0 };
      if (statement !== undefined) {
        this.rowsChanged += result.changes;
        this.#session.onStatement?.(statement, {
          rowsChanged: result.changes,
          durationMs: context.clock.now() - started,
        });
      }
      return { ...(rows === undefined ? {} : { rows }), ...result };
    } finally {
      if (rebuild) connection.exec('PRAGMA legacy_alter_table = OFF');
    }
  }

  /** Inside the transaction of the file the lock is held; a query that commits by itself waits for it. */
  #whenFree<T>(work: () => T): T {
    const { connection, lockTimeoutMs } = this.#session;
    if (connection.inTransaction) return work();
    return retryWhileBusy(work, { ...connection.ports, deadlineMs: lockTimeoutMs, path: connection.path });
  }

  /** Refuses what a migration must not do, and takes note of the rest. */
  #admit(sql: string): Statement | undefined {
    if (knexSavepoint.test(sql)) return undefined;
    const [statement, second] = readStatements(sql, 0);
    if (statement === undefined || second !== undefined)
      throw new Error('one statement at a time; tools.exec takes several');
    const refusal = refuseStatement(statement, this.#options, this.#session.connection);
    if (refusal !== undefined) throw new TradedbError('migration_failed', refusal.reason, { hint: refusal.hint });
    const noted = { ...statement, line: 0 };
    // What knex asks about the schema is no step of the migration.
    if (statement.kind !== 'pragma' && statement.kind !== 'select') this.statements.push(noted);
    return noted;
  }

  /** ALTER where SQLite can do it, otherwise our rebuild instead of that of knex. */
  dropColumns(table: string, columns: readonly string[]): void {
    for (const column of columns) {
      const sql = `ALTER TABLE ${quoteIdentifier(table)} DROP COLUMN ${quoteIdentifier(column)}`;
      try {
        this.query(sql, []);
      } catch (error) {
        if (!(error instanceof TradedbError) || error.code !== 'sql_error') throw error;
        this.#rebuildWithout(table, column, error);
      }
    }
  }

  #rebuildWithout(table: string, column: string, refusal: TradedbError): void {
    const { connection } = this.#session;
    const present = readTableDefinition(tableSql(connection, table) ?? '');
    const kept = present?.columns.filter((one) => foldName(one.name) !== foldName(column)) ?? [];
    if (present === undefined || kept.length === 0 || kept.length === present.columns.length) throw refusal;
    const parts = [...kept, ...present.constraints].map((one) => one.text);
    const sql = `CREATE TABLE ${quoteIdentifier(table)}(${parts.join(', ')}) ${present.options.replaceAll(' , ', ', ')}`;
    const wanted = readTableDefinition(sql);
    if (wanted === undefined) throw refusal;
    this.rowsChanged += connection.tx(() => rebuildTable(connection, { table, wanted, fills: new Map() }), {
      deadlineMs: this.#session.lockTimeoutMs,
    });
    this.#noteChange(sql);
  }

  setNullable(table: string, column: string, nullable: boolean): void {
    this.query(
      `ALTER TABLE ${quoteIdentifier(table)} ALTER COLUMN ${quoteIdentifier(column)} ${nullable ? 'DROP' : 'SET'} NOT NULL`,
      [],
    );
  }

  tools(): ProgramTools {
    return {
      changeTable: (name, sql, options = {}) => {
        const wanted = readTableDefinition(sql);
        if (wanted !== undefined && foldName(wanted.name) !== foldName(name))
          throw new Error(`the statement is about ${wanted.name}, not ${name}`);
        const renames = Object.entries(options.rename ?? {}).map(([from, to]) => ({ from, to }));
        const fills = new Map(Object.entries(options.fill ?? {}).map(([column, value]) => [foldName(column), value]));
        const { connection } = this.#session;
        this.rowsChanged += connection.tx(() => changeTable(connection, sql, { renames, fills }), {
          deadlineMs: this.#session.lockTimeoutMs,
        }).rowsChanged;
        this.#noteChange(sql);
      },
      exec: (sql) => {
        for (const statement of readStatements(sql, 0)) this.query(statement.text, []);
      },
    };
  }

  #noteChange(sql: string): void {
    const [statement] = readStatements(sql, 0);
    if (statement !== undefined) this.statements.push({ ...statement, line: 0, kind: 'change_table' });
  }

  /** A program without a transaction that has begun one of its own must have ended it. */
  requireEnded(): void {
    if (!this.#session.connection.inTransaction) return;
    this.#session.connection.rollback();
    throw failureAt(this.#file, 'left a transaction open, which was rolled back');
  }

  /** The error with the file, in our words where SQLite ended the transaction. */
  explain(error: unknown): unknown {
    if (error instanceof TradedbError && (error.code === 'cancelled' || error.code === 'internal')) return error;
    if (error instanceof TradedbError && error.details?.version !== undefined) return error;
    const reason =
      error === undefined ? 'ended the transaction by itself' : error instanceof Error ? error.message : String(error);
    const rolledBack =
      !this.#options.transaction || this.#session.connection.inTransaction
        ? ''
        : ' (SQLite rolled the transaction back by itself)';
    return failureAt(this.#file, `${reason}${rolledBack}`, { cause: error });
  }

  close(): void {
    this.#closed = true;
  }
}
