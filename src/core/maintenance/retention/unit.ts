import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { type ForeignKey, foreignKeysOf, readTableShape, type TableShape } from './table-shape.ts';

/** A foreign key by which rows of `child` point to a table of the unit. */
export interface Reference {
  readonly child: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** A table of a unit: the root, or a table whose rows leave with the row of `parent` they point to. */
export interface UnitTable {
  readonly shape: TableShape;
  /** Position of the parent in the unit; undefined for the root. */
  readonly parent: number | undefined;
  /** How its rows point to the parent. */
  readonly link: Reference | undefined;
  /** Foreign keys that do not leave with it: a row they point to must stay. */
  readonly inbound: readonly Reference[];
}

/** Rows up to which an unindexed foreign key is only a little slow. */
const fewRows = 10_000;

/** A table with the tables that leave together with it, parents first. Refuses what could not be moved as one unit. */
export function readUnit(connection: Connection, root: string, children: readonly string[]): readonly UnitTable[] {
  const shapes = [root, ...children].map((name) => readTableShape(connection, name));
  const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  const position = (name: string): number => shapes.findIndex((shape) => same(shape.name, name));
  const everyTable = connection
    .all<{ name: string }>("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    .map(({ name }) => name);
  const references = everyTable.flatMap((child) =>
    foreignKeysOf(connection, child).map((key) => ({ child, key, own: position(child), target: position(key.table) })),
  );
  const reference = (child: string, key: ForeignKey): Reference => ({ child, from: key.from, to: key.to });
  return shapes.map((shape, index) => {
    if (shapes.findIndex((other) => other.name === shape.name) !== index) {
      throw usage(`${JSON.stringify(shape.name)} is named twice in one policy`, 'name each table once');
    }
    const links = references.filter(({ own, target }) => own === index && target >= 0 && target !== index);
    const [link] = links;
    if (index === 0 ? link !== undefined : links.length !== 1 || (link?.target ?? index) > index) {
      const wanted =
        index === 0 ? 'points to a table among its own children' : 'needs exactly one foreign key to a table before it';
      throw usage(
        `${JSON.stringify(shape.name)} ${wanted}`,
        'list parents before their children, each child under one parent',
      );
    }
    return {
      shape,
      parent: link?.target,
      link: link === undefined ? undefined : reference(link.child, link.key),
      inbound: references
        .filter(({ own, target }) => target === index && (own < 0 || own === index))
        .map(({ child, key }) => reference(child, key)),
    };
  });
}

function usage(message: string, hint: string): TradedbError {
  return new TradedbError('usage', message, { hint });
}

/** `p.to = c.from` for each column. The parent stands left: its collation decides, as in a foreign key. */
export function joinOn(reference: Reference, parent: string, child: string): string {
  return reference.from
    .map((name, index) => `${parent}.${quoteIdentifier(reference.to[index] ?? '')} = ${child}.${quoteIdentifier(name)}`)
    .join(' AND ');
}

/** References whose columns no index begins with, where the table is large: each deleted row would scan it. */
export function slowReferences(connection: Connection, unit: readonly UnitTable[]): readonly Reference[] {
  const all = unit.flatMap((table) => [...(table.link === undefined ? [] : [table.link]), ...table.inbound]);
  return all.filter((reference) => {
    if (isIndexed(connection, reference)) return false;
    const rows = connection.value(
      `SELECT count(*) FROM (SELECT 1 FROM ${quoteIdentifier(reference.child)} LIMIT ${fewRows + 1})`,
    );
    return Number(rows) > fewRows;
  });
}

function isIndexed(connection: Connection, { child, from }: Reference): boolean {
  const begins = (columns: readonly (string | null)[]): boolean => {
    const head = columns.slice(0, from.length);
    return from.every((name) => head.includes(name));
  };
  const indexes = connection.all<{ name: string }>('SELECT name FROM pragma_index_list(?) WHERE partial = 0', [child]);
  const key = connection
    .all<{ name: string }>('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk', [child])
    .map(({ name }) => name);
  // The key of a table is indexed in one form or the other.
  if (key.length > 0 && begins(key)) return true;
  return indexes.some(({ name }) =>
    begins(
      connection
        .all<{ name: string | null }>('SELECT name FROM pragma_index_info(?) ORDER BY seqno', [name])
        .map((row) => row.name),
    ),
  );
}
