import { join } from 'node:path';
import { replayObjects } from '../../schema/clone.ts';
import { readObjects } from '../../schema/introspect.ts';
import type { Connection, ConnectionPorts } from '../../sqlite/connection.ts';
import { quoteIdentifier, quoteText } from '../../sqlite/quote-identifier.ts';
import { openScratch } from '../../sqlite/scratch.ts';
import type { IndexDefinition } from '../candidates/index-definition.ts';
import type { MeasureClient } from '../cost/measure-client.ts';
import type { ScratchCopy } from '../cost/scratch-copy.ts';
import { type IndexStatistics, readIndexStatistics } from './index-statistics.ts';
import { scaleStat1, scaleStat4 } from './sampled-statistics.ts';

/** Rows of a table that are sampled at most. */
const sampleRows = 20_000;

export interface SampledIndex {
  readonly statistics: IndexStatistics;
  /** Of the index over the whole table. */
  readonly estimatedBytes: number;
}

/** A thinned-out copy of some tables, on which an index is built in milliseconds to learn its statistics and size. */
export class SampleDatabase {
  readonly #connection: Connection;
  readonly #factors: ReadonlyMap<string, number>;

  private constructor(connection: Connection, factors: ReadonlyMap<string, number>) {
    this.#connection = connection;
    this.#factors = factors;
  }

  /** Fills the sample in the child, because reading the tables takes as long as they are large. */
  static async create(
    source: Connection,
    parts: {
      readonly copy: ScratchCopy;
      readonly tables: readonly string[];
      readonly client: MeasureClient;
      readonly capMs: number;
    },
    ports: ConnectionPorts,
  ): Promise<SampleDatabase> {
    const path = join(parts.copy.folder, 'sample.db');
    const connection = openScratch(path, ports);
    try {
      const wanted = new Set(parts.tables);
      replayObjects(
        connection,
        readObjects(source).filter((object) => object.type === 'table' && wanted.has(object.name)),
      );
      const factors = new Map<string, number>();
      const statements: string[] = [];
      for (const table of parts.tables) {
        const rows = Number(source.value(`SELECT count(*) FROM ${quoteIdentifier(table)}`) ?? 0);
        const factor = Math.max(1, Math.ceil(rows / sampleRows));
        factors.set(table, factor);
        statements.push(copySql(source, table, factor));
      }
      connection.pragma('journal_mode = WAL');
      await parts.client.exec(
        `PRAGMA foreign_keys = OFF; ATTACH ${quoteText(path)} AS tradedb_sample; ${statements.join('; ')};
         DETACH tradedb_sample; PRAGMA foreign_keys = ON`,
        parts.capMs,
      );
      return new SampleDatabase(connection, factors);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Builds the index on the sample, reads what the planner would know about it, and drops it. */
  index(definition: IndexDefinition): SampledIndex {
    const connection = this.#connection;
    const factor = this.#factors.get(definition.table) ?? 1;
    connection.begin();
    try {
      connection.exec(definition.sql);
      connection.exec(`ANALYZE ${quoteIdentifier(definition.name)}`);
      const { table, stat1, stat4 } = readIndexStatistics(connection, definition.table, definition.name);
      const pages = Number(
        connection.value('SELECT pageno FROM dbstat WHERE name = ? AND aggregate = TRUE', [definition.name]) ?? 1,
      );
      return {
        statistics: {
          table,
          stat1: stat1 === null ? null : scaleStat1(stat1, factor),
          stat4: stat4.map((row) => ({
            neq: scaleStat4(row.neq, factor, 'neq'),
            nlt: scaleStat4(row.nlt, factor, 'nlt'),
            ndlt: row.ndlt,
            sample: row.sample,
          })),
        },
        estimatedBytes: pages * factor * Number(connection.pragmaValue('page_size')),
      };
    } finally {
      connection.rollback();
    }
  }

  /** Distinct values of a column among the sampled rows. */
  distinct(table: string, column: string): number {
    return Number(
      this.#connection.value(`SELECT count(DISTINCT ${quoteIdentifier(column)}) FROM ${quoteIdentifier(table)}`) ?? 0,
    );
  }

  /** Share of the sampled rows that fulfil a condition; 1 for an empty sample. */
  share(table: string, condition: string): number {
    const row = this.#connection.get<{ rows: number; found: number }>(
      `SELECT count(*) AS rows, count(*) FILTER (WHERE ${condition}) AS found FROM ${quoteIdentifier(table)}`,
    );
    return row === undefined || row.rows === 0 ? 1 : row.found / row.rows;
  }

  close(): void {
    this.#connection.close();
  }
}

/** A hash of the rowid picks the rows: every K-th row itself would follow patterns of the data. */
function copySql(source: Connection, table: string, factor: number): string {
  const columns = source
    .all<{ name: string }>('SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid', [table])
    .map((row) => quoteIdentifier(row.name))
    .join(', ');
  const keyed = source.value("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", [table]) === 1;
  const name = quoteIdentifier(table);
  const pick = keyed
    ? `(row_number() OVER () * 2654435761 & 4294967295) % ${factor} = 0`
    : `(rowid * 2654435761 & 4294967295) % ${factor} = 0`;
  const from = keyed
    ? `(SELECT *, ${pick} AS tradedb_picked FROM main.${name}) WHERE tradedb_picked`
    : `main.${name} WHERE ${pick}`;
  return `INSERT INTO tradedb_sample.${name}(${columns}) SELECT ${columns} FROM ${from}`;
}
