import { createRequire } from 'node:module';
import { TradedbError } from '../error.ts';

/**
 * The only file that loads knex. Its builders run normally, but every statement goes to our connection, inside our
 * transaction and under our guard. knex's Migrator is never used, and its table rebuild, which deletes the rows of
 * CASCADE children, never runs: all seven of its entries pass through `ddl`.
 */

/** Where the statements of knex go. */
export interface KnexTarget {
  readonly path: string;
  query(
    sql: string,
    bindings: readonly unknown[],
  ): { rows?: unknown[]; changes: number; lastInsertRowid: number | bigint };
  dropColumns(table: string, columns: readonly string[]): void;
  setNullable(table: string, column: string, nullable: boolean): void;
}

interface QueryObject {
  sql: string;
  bindings?: readonly unknown[];
  response?: unknown;
  context?: unknown;
}

interface Dialect {
  readonly prototype: object;
  new (
    config: object,
  ): {
    config: { tradedb: KnexTarget };
    _formatBindings(bindings: readonly unknown[] | undefined): readonly unknown[];
  };
}

interface TableCompiler {
  readonly tableNameRaw: string;
}

/** A knex object for one run of a program. It holds no connection, so there is nothing to destroy. */
export function createKnex(target: KnexTarget): unknown {
  const load = createRequire(import.meta.url);
  const knex = load('knex') as (config: object) => unknown;
  const Dialect = load('knex/lib/dialects/better-sqlite3/index.js') as Dialect;
  return knex({
    client: makeClient(Dialect),
    connection: { filename: target.path },
    pool: { max: 0 },
    useNullAsDefault: true,
    tradedb: target,
  });
}

function makeClient(Dialect: Dialect): unknown {
  // One object stands for our connection; knex marks it while a transaction uses it.
  const connection = { __knexUid: 'tradedb' };
  return class TradedbClient extends Dialect {
    /** Makes knex use savepoints for its transactions: ours is open already. */
    readonly transacting = true;

    _driver(): object {
      return {};
    }

    async acquireConnection(): Promise<object> {
      return connection;
    }

    releaseConnection(): void {}

    async destroy(): Promise<void> {}

    async _query(_: object, query: QueryObject): Promise<QueryObject> {
      const { rows, changes, lastInsertRowid } = this.config.tradedb.query(
        query.sql,
        this._formatBindings(query.bindings),
      );
      query.response = rows ?? { changes, lastInsertRowid };
      if (rows === undefined) query.context = { lastID: lastInsertRowid, changes };
      return query;
    }

    ddl(compiler: TableCompiler): object {
      return tableChanges(this.config.tradedb, compiler.tableNameRaw);
    }
  };
}

/** What stands in for the table rebuilds of knex. */
function tableChanges(target: KnexTarget, table: string): object {
  const refuse = (call: string) => () => {
    throw new TradedbError(
      'migration_failed',
      `${call} on ${table} would rebuild the table the way of knex, which loses rows of its children`,
      {
        hint: `use tools.changeTable('${table}', 'CREATE TABLE ...') with the definition that you want`,
      },
    );
  };
  return {
    dropColumn: async (columns: readonly string[]) => target.dropColumns(table, columns),
    setNullable: async (column: string, nullable: boolean) => {
      target.setNullable(table, column, nullable);
      // What knex would run on top: nothing.
      return { pre: [], sql: [], check: null, post: [] };
    },
    alterColumn: refuse('alter()'),
    primary: refuse('primary()'),
    foreign: refuse('foreign()'),
    dropForeign: refuse('dropForeign()'),
    dropPrimary: refuse('dropPrimary()'),
  };
}
