import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { SchemaEntry } from '../schema-pages.ts';

/** Why a virtual table could not be made again; undefined when it was. */
export type Reason = string | undefined;

const aside = 'tradedb_salvaged_content';

/**
 * Makes a full-text table anew from the rows of the table that holds its texts: its own `_content` (salvaged like any
 * table), or the one that its definition names. The index is derived from them, so nothing of the old one is needed.
 */
export function remakeVirtualTable(connection: Connection, { name, sql }: SchemaEntry): Reason {
  const using = /\busing\s+"?(\w+)/i.exec(sql)?.[1]?.toLowerCase() ?? '';
  const shadows = shadowsOf(connection, name);
  if (!/^fts[345]$/.test(using)) return `module ${using}: its shadow tables are in the result as they were`;
  const content = /[(,]\s*content\s*=\s*(?:'([^']*)'|"([^"]*)"|(\w*))/i.exec(sql);
  const external = content === null ? undefined : (content[1] ?? content[2] ?? content[3] ?? '');
  if (external === '') return 'it keeps no texts: fill it again from where they came';
  try {
    connection.tx(() => {
      const own = external === undefined && shadows.includes(`${name}_content`);
      if (own) connection.exec(`ALTER TABLE ${quoteIdentifier(`${name}_content`)} RENAME TO ${aside}`);
      for (const shadow of shadowsOf(connection, name)) connection.exec(`DROP TABLE ${quoteIdentifier(shadow)}`);
      connection.exec(sql);
      if (own) fill(connection, name, using);
      else connection.run(`INSERT INTO ${quoteIdentifier(name)} (${quoteIdentifier(name)}) VALUES ('rebuild')`);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    return `${error.message}; its shadow tables are in the result as they were`;
  }
}

const suffixes = ['content', 'data', 'idx', 'docsize', 'config', 'segments', 'segdir', 'stat'];

function shadowsOf(connection: Connection, name: string): string[] {
  const wanted = new Set(suffixes.map((suffix) => `${name}_${suffix}`));
  return connection
    .all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .map((row) => row.name)
    .filter((one) => wanted.has(one));
}

/** The columns of a `_content` table are the key, then one per column of the full-text table, in order. */
function fill(connection: Connection, name: string, using: string): void {
  const columnsOf = (table: string): string[] =>
    connection
      .all<{ name: string; hidden: number }>('SELECT name, hidden FROM pragma_table_xinfo(?)', [table])
      .filter(({ hidden }) => hidden === 0)
      .map((column) => column.name);
  const columns = columnsOf(name);
  const [key = '', ...texts] = columnsOf(aside);
  const from = [key, ...texts.slice(0, columns.length)].map(quoteIdentifier).join(', ');
  const into = [using === 'fts5' ? 'rowid' : 'docid', ...columns.map(quoteIdentifier)].join(', ');
  connection.exec(`INSERT INTO ${quoteIdentifier(name)} (${into}) SELECT ${from} FROM ${aside}; DROP TABLE ${aside}`);
}
