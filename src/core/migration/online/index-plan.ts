import { readColumns, readObjects, sameName } from '../../schema/introspect.ts';
import { foldName } from '../../schema/normalise.ts';
import { type Connection, openMemory } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { indexFor, readIndexText } from './definition-text.ts';
import type { OnlineNames } from './subject.ts';

/** How one index of the table is built on the copy. */
export interface IndexPlan {
  /** Of the index on the table. */
  readonly name: string;
  /** Of the one on the copy. */
  readonly working: string;
  /** CREATE INDEX for the copy. */
  readonly sql: string;
  /** What an entry of the index holds, in its order: the columns, then what leads to the row. */
  readonly entry: readonly { readonly expression: string; readonly collation: string; readonly descending: boolean }[];
  /** Condition of a partial index. */
  readonly where: string | undefined;
  /** Condition under which a row has NULL in the index; undefined when none can. */
  readonly heldBack: string | undefined;
}

/** The indexes of the table in the order in which they were made. Their layout is asked of SQLite on a clone. */
export function planIndexes(connection: Connection, table: string, names: OnlineNames): IndexPlan[] {
  const objects = readObjects(connection);
  const shadow = objects.find((object) => object.type === 'table' && object.name === names.shadow);
  const indexes = objects.filter((object) => object.type === 'index' && sameName(object.table, table));
  const clone = openMemory(connection.ports);
  try {
    clone.exec(shadow?.sql ?? '');
    return indexes.map(({ name, sql }, position) => {
      const working = names.index(position);
      const text = indexFor(sql, working, names.shadow);
      clone.exec(text);
      return { name, working, sql: text, ...layout(clone, working, { sql: text, shadow: names.shadow }) };
    });
  } finally {
    clone.close();
  }
}

function layout(
  clone: Connection,
  index: string,
  { sql, shadow }: { sql: string; shadow: string },
): Pick<IndexPlan, 'entry' | 'where' | 'heldBack'> {
  const { columns, where } = readIndexText(sql);
  const table = readColumns(clone, shadow);
  const taken = new Set(table.map((column) => foldName(column.name)));
  const rowid = ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name)) ?? 'rowid';
  // The column that is the rowid is never NULL, whatever it says.
  const required = new Set(
    table.filter((column) => column.notNull || column.keyPosition > 0).map((column) => foldName(column.name)),
  );
  const parts = clone.all<{ seqno: number; cid: number; name: string | null; desc: number; coll: string; key: number }>(
    `SELECT seqno, cid, name, "desc", coll, key FROM pragma_index_xinfo(?, 'main') ORDER BY seqno`,
    [index],
  );
  const nullable: string[] = [];
  const entry = parts.map((part) => {
    const expression =
      part.cid === -1 ? rowid : part.cid === -2 ? `(${columns[part.seqno]})` : quoteIdentifier(part.name ?? '');
    if (part.key === 1 && (part.cid === -2 || (part.cid >= 0 && !required.has(foldName(part.name ?? '')))))
      nullable.push(`${expression} IS NULL`);
    return { expression, collation: part.coll, descending: part.desc === 1 };
  });
  const isNull = nullable.length === 0 ? undefined : `(${nullable.join(' OR ')})`;
  const heldBack = isNull === undefined || where === undefined ? isNull : `(${where}) AND ${isNull}`;
  return { entry, where, heldBack };
}
