import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SqlParameters } from '../../sqlite/statement.ts';
import { explainPlan, type PlanStep } from '../query-plan/plan.ts';

/** How a statement could use an index on one column. */
export interface Sargable {
  readonly table: string;
  readonly column: string;
  readonly collation?: 'NOCASE';
  readonly kind: 'equality' | 'range';
}

const probeName = 'tradedb_probe';
const otherRows = 1000;
const probedRows = 10_000_000;

export interface ProbedStatement {
  readonly sql: string;
  readonly values: SqlParameters;
}

/**
 * Asks the planner itself what a statement could search by: an index on one column is made in a schema without rows, its
 * statistics say "huge table, two rows per key", and the plan tells whether it is used and how. `connection` is a
 * schema of its own without other indexes; it is left as it was.
 */
export class SargableProbe {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    dropPlainIndexes(connection);
    connection.pragma('automatic_index = OFF');
    connection.exec('ANALYZE; DELETE FROM sqlite_stat1');
    const tables = connection.all<{ name: string }>(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    );
    for (const { name } of tables) {
      connection.run('INSERT INTO sqlite_stat1 VALUES (?, NULL, ?)', [name, String(otherRows)]);
    }
    this.#spoilUnique();
    connection.exec('ANALYZE sqlite_schema');
  }

  /** UNIQUE indexes cannot go, so they get statistics that make them look useless but for a look-up of the whole key. */
  #spoilUnique(): void {
    const indexes = this.#connection.all<{ table_name: string; name: string; terms: number }>(
      `SELECT t.name AS table_name, iif(t.wr AND i.origin = 'pk', t.name, i.name) AS name,
         (SELECT count(*) FROM pragma_index_xinfo(i.name) WHERE "key" = 1) AS terms
       FROM pragma_table_list t JOIN pragma_index_list(t.name) i WHERE t.schema = 'main' AND t.type = 'table'`,
    );
    for (const { table_name, name, terms } of indexes) {
      const perPrefix = Array.from({ length: terms }, (_, place) => (place === terms - 1 ? 1 : probedRows));
      this.#connection.run('INSERT INTO sqlite_stat1 VALUES (?, ?, ?)', [
        table_name,
        name,
        [probedRows, ...perPrefix, 'noskipscan'].join(' '),
      ]);
    }
  }

  /** The statements that could search by the column, with how; undefined entries are those that could not. */
  probe(
    table: string,
    column: string,
    collation: 'NOCASE' | undefined,
    statements: readonly ProbedStatement[],
  ): (Sargable | undefined)[] {
    return this.#with([{ table, column, ...(collation === undefined ? {} : { collation }) }], () =>
      statements.map((statement) => {
        const kind = usedAs(explainPlan(this.#connection, statement.sql, statement.values));
        if (kind === undefined) return undefined;
        return { table, column, kind, ...(collation === undefined ? {} : { collation }) };
      }),
    );
  }

  /** Columns of a table that are searched one by one for the sides of an OR: only all of them together help. */
  orGroups(table: string, columns: readonly string[], statement: ProbedStatement): string[][] {
    return this.#with(
      columns.map((column) => ({ table, column })),
      () => {
        const steps = explainPlan(this.#connection, statement.sql, statement.values);
        return multiIndexGroups(steps).map((names) =>
          [...new Set(names.map((name) => columns[Number(name.slice(probeName.length + 1))] ?? ''))].filter(
            (column) => column !== '',
          ),
        );
      },
    );
  }

  #with<T>(probes: readonly { table: string; column: string; collation?: string }[], work: () => T): T {
    const connection = this.#connection;
    connection.begin();
    try {
      for (const [index, probe] of probes.entries()) {
        const name = `${probeName}_${index}`;
        const collation = probe.collation === undefined ? '' : ` COLLATE ${probe.collation}`;
        connection.exec(
          `CREATE INDEX ${name} ON ${quoteIdentifier(probe.table)} (${quoteIdentifier(probe.column)}${collation})`,
        );
        connection.run('DELETE FROM sqlite_stat1 WHERE tbl = ? AND idx IS NULL', [probe.table]);
        connection.run('INSERT INTO sqlite_stat1 VALUES (?, ?, ?)', [probe.table, name, `${probedRows} 2`]);
      }
      connection.exec('ANALYZE sqlite_schema');
      return work();
    } finally {
      connection.rollback();
    }
  }
}

/** Other indexes would compete with the probe; UNIQUE ones stay, because ON CONFLICT may need them. */
function dropPlainIndexes(connection: Connection): void {
  const plain = connection.all<{ name: string }>(
    `SELECT s.name AS name FROM sqlite_schema s JOIN pragma_index_list(s.tbl_name) i ON i.name = s.name
     WHERE s.type = 'index' AND s.sql IS NOT NULL AND i."unique" = 0`,
  );
  for (const { name } of plain) connection.exec(`DROP INDEX ${quoteIdentifier(name)}`);
}

function usedAs(steps: readonly PlanStep[]): Sargable['kind'] | undefined {
  let range = false;
  for (const { detail } of steps) {
    const conditions = new RegExp(`USING (?:COVERING )?INDEX ${probeName}_0 \\((.*)\\)`).exec(detail)?.[1];
    if (conditions === undefined) continue;
    // An equality reads "a=?", a range "a>?" or "a>? AND a<?", an expression of a partial key "<expr>=?".
    if (/[^<>]=\?/.test(conditions)) return 'equality';
    range = true;
  }
  return range ? 'range' : undefined;
}

function multiIndexGroups(steps: readonly PlanStep[]): string[][] {
  const groups: string[][] = [];
  let depth = -1;
  for (const step of steps) {
    if (step.detail.startsWith('MULTI-INDEX OR')) {
      groups.push([]);
      depth = step.depth;
      continue;
    }
    if (depth < 0 || step.depth <= depth) {
      depth = -1;
      continue;
    }
    const name = new RegExp(`INDEX (${probeName}_\\d+)`).exec(step.detail)?.[1];
    if (name !== undefined) groups.at(-1)?.push(name);
  }
  return groups.filter((group) => group.length > 0);
}
