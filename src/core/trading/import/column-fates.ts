import type { ColumnFate } from './source.ts';
import type { SourceSchema } from './source-schema.ts';

/** `target.column`, or what else became of it: `derived: why`, `attribute`, `dropped: why`. */
export type FateText = string;

/** What a reader says about the columns it knows; `*` is every other column of the table. */
export type KnownColumns = Readonly<Record<string, Readonly<Record<string, FateText>>>>;

/** The fate of every column that the file has. Tables and columns that nobody names are `unknown`. */
export function columnFates(schema: SourceSchema, known: KnownColumns): ColumnFate[] {
  return schema.tables.flatMap((table) => {
    const columns = known[table];
    if (columns === undefined) return [fateOf(table, '*', undefined)];
    return schema.columns(table).map(({ name }) => fateOf(table, name, columns[name] ?? columns['*']));
  });
}

function fateOf(table: string, column: string, text: FateText | undefined): ColumnFate {
  if (text === undefined) return { table, column, fate: 'unknown', target: null, reason: null };
  const [word = '', reason] = text.split(/: (.*)/s);
  if (word === 'attribute' || word === 'dropped' || word === 'derived') {
    return {
      table,
      column,
      fate: word,
      target: word === 'attribute' ? 'external_attributes' : null,
      reason: reason ?? null,
    };
  }
  return { table, column, fate: 'mapped', target: text, reason: null };
}
