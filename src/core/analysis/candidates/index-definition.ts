import { createHash } from 'node:crypto';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';

export interface IndexTerm {
  /** Name of the column; null for an expression. */
  readonly column: string | null;
  /** SQL text without collation and direction. */
  readonly expression: string;
  /** Only where it differs from that of the column. */
  readonly collation?: string;
  readonly descending: boolean;
}

export interface IndexDefinition {
  readonly name: string;
  readonly table: string;
  readonly terms: readonly IndexTerm[];
  readonly where?: string;
  readonly unique: boolean;
  readonly sql: string;
}

export function columnTerm(column: string, parts: { collation?: string; descending?: boolean } = {}): IndexTerm {
  return {
    column,
    expression: quoteIdentifier(column),
    ...(parts.collation === undefined ? {} : { collation: parts.collation }),
    descending: parts.descending === true,
  };
}

const longestName = 60;

/** A new index, named after its table and columns; names of the database that are taken get a number. */
export function defineIndex(
  table: string,
  terms: readonly IndexTerm[],
  parts: { readonly where?: string; readonly taken: ReadonlySet<string> },
): IndexDefinition {
  const list = terms.map(termText).join(', ');
  const suffix = parts.where !== undefined ? '_partial' : terms.some((term) => term.column === null) ? '_expr' : '';
  const words = terms.map((term) => (term.column ?? term.expression).replace(/[^\p{L}\p{N}]+/gu, '_'));
  const where = parts.where === undefined ? '' : ` WHERE ${parts.where}`;
  const name = freeName(
    `ix_${table.replace(/[^\p{L}\p{N}]+/gu, '_')}_${words.join('_')}${suffix}`,
    list + where,
    parts.taken,
  );
  return {
    name,
    table,
    terms,
    ...(parts.where === undefined ? {} : { where: parts.where }),
    unique: false,
    sql: `CREATE INDEX ${quoteIdentifier(name)} ON ${quoteIdentifier(table)} (${list})${where}`,
  };
}

/** Four digits of a hash tell two long names, and two partial indexes on the same columns, apart. */
function freeName(wanted: string, content: string, taken: ReadonlySet<string>): string {
  const plain = wanted.replace(/_+/g, '_');
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 4);
  const short = [...plain].length <= longestName ? plain : `${[...plain].slice(0, longestName - 5).join('')}_${hash}`;
  return taken.has(short.toLowerCase()) || plain.endsWith('_partial') ? `${short}_${hash}` : short;
}

export function termText(term: IndexTerm): string {
  const collation = term.collation === undefined ? '' : ` COLLATE ${term.collation}`;
  return `${term.expression}${collation}${term.descending ? ' DESC' : ''}`;
}

/** Equal for two indexes that hold the same. */
export function contentKey(index: Pick<IndexDefinition, 'table' | 'terms' | 'where'>): string {
  return [
    index.table.toLowerCase(),
    index.terms.map((term) => termText(term).toLowerCase()).join(','),
    index.where ?? '',
  ].join('\0');
}

export interface ExistingIndex extends IndexDefinition {
  /** Made by a UNIQUE or PRIMARY KEY of the table: it has no SQL of its own and cannot be dropped. */
  readonly automatic: boolean;
  /** Where the rows of a WITHOUT ROWID table lie. */
  readonly isTable: boolean;
}

interface IndexRow {
  readonly table_name: string;
  readonly name: string;
  readonly is_unique: number;
  readonly origin: string;
  readonly wr: number;
  readonly sql: string | null;
}

/** Indexes of the tables of a database, automatic ones too. */
export function readIndexes(connection: Connection): ExistingIndex[] {
  const rows = connection.all<IndexRow>(
    `SELECT t.name AS table_name, i.name AS name, i."unique" AS is_unique, i.origin AS origin, t.wr AS wr, s.sql AS sql
     FROM pragma_table_list t JOIN pragma_index_list(t.name) i
     LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = i.name
     WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY t.name, i.seq DESC`,
  );
  return rows.map((row) => {
    const where = row.sql === null ? undefined : whereOf(row.sql);
    return {
      name: row.name,
      table: row.table_name,
      terms: readTerms(connection, row.name),
      ...(where === undefined ? {} : { where }),
      unique: row.is_unique === 1,
      sql: row.sql ?? '',
      automatic: row.sql === null,
      isTable: row.wr === 1 && row.origin === 'pk',
    };
  });
}

function readTerms(connection: Connection, index: string): IndexTerm[] {
  return connection
    .all<{ name: string | null; desc: number; coll: string }>(
      'SELECT name, "desc", coll FROM pragma_index_xinfo(?) WHERE "key" = 1 ORDER BY seqno',
      [index],
    )
    .map((row) => ({
      column: row.name,
      expression: row.name === null ? '(expression)' : quoteIdentifier(row.name),
      ...(row.coll === 'BINARY' ? {} : { collation: row.coll }),
      descending: row.desc === 1,
    }));
}

function whereOf(sql: string): string | undefined {
  return /\)\s*WHERE\s+([\s\S]+)$/i.exec(sql)?.[1]?.trim();
}
