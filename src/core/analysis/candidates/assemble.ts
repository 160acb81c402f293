import { columnTerm, type IndexTerm } from './index-definition.ts';
import type { Sargable } from './sargable-probe.ts';
import type { SortList } from './token-scan.ts';

/** What is known about one table in one statement. */
export interface TableUse {
  readonly table: string;
  readonly searched: readonly Sargable[];
  readonly sorts: readonly SortList[];
  /** Columns that the statement reads, without the rowid. */
  readonly columns: readonly string[];
  /** Conditions that are constant in the text: `status = 'open'` as column and SQL behind it. */
  readonly constants: readonly { readonly column: string; readonly where: string }[];
  readonly expressions: readonly string[];
  /** Also indexes that hold every column the statement reads. */
  readonly covering: boolean;
}

export interface Shape {
  readonly table: string;
  readonly terms: readonly IndexTerm[];
  /** Column and condition of a partial index. */
  readonly partial?: { readonly column: string; readonly where: string };
}

const mostTerms = 8;
const mostShapes = 60;

/** Shapes of indexes worth a look for one table of one statement; the planner decides later which are any good. */
export function assembleShapes(use: TableUse, distinct: (column: string) => number): Shape[] {
  const bases = baseTerms(use, distinct);
  const shapes: Shape[] = [];
  for (const terms of bases) shapes.push({ table: use.table, terms });
  for (const partial of use.constants) {
    // The condition itself stands in the index already, so its column is not needed as a term.
    const without = bases.map((terms) => terms.filter((term) => term.column !== partial.column));
    for (const terms of without) if (terms.length > 0) shapes.push({ table: use.table, terms, partial });
    shapes.push({ table: use.table, terms: [columnTerm(partial.column)], partial });
  }
  for (const text of use.expressions) {
    const head: IndexTerm = { column: null, expression: text, descending: false };
    shapes.push({ table: use.table, terms: [head] });
    for (const sort of sortsOf(use)) shapes.push({ table: use.table, terms: [head, ...sort] });
  }
  return deduplicate(shapes).slice(0, mostShapes);
}

function baseTerms(use: TableUse, distinct: (column: string) => number): IndexTerm[][] {
  const ranges = use.searched.filter((one) => one.kind === 'range').map(termOf);
  const sorts = sortsOf(use);
  const bases = headsOf(use, distinct).flatMap((head) => [
    head,
    ...ranges.map((range) => append(head, [range])),
    ...sorts.map((sort) => append(head, sort)),
    ...sorts.flatMap((sort) => ranges.map((range) => append(append(head, sort), [range]))),
  ]);
  const plain = bases.filter((terms) => terms.length > 0);
  if (!use.covering) return plain;
  return [...plain, ...plain.map((terms) => cover(terms, use.columns)).filter((terms) => terms.length <= mostTerms)];
}

function headsOf(use: TableUse, distinct: (column: string) => number): IndexTerm[][] {
  const equal = use.searched
    .filter((one) => one.kind === 'equality')
    .sort((a, b) => distinct(b.column) - distinct(a.column))
    .map(termOf);
  const pairs = equal.length > 4 ? [] : equal.flatMap((a) => equal.filter((b) => b !== a).map((b) => [a, b]));
  return [equal, [...equal].reverse(), ...equal.map((term) => [term]), ...pairs, []];
}

function sortsOf(use: TableUse): IndexTerm[][] {
  return use.sorts.map((sort) =>
    sort.terms.map((term) =>
      columnTerm(term.column, {
        descending: term.descending,
        ...(term.collation === undefined ? {} : { collation: term.collation }),
      }),
    ),
  );
}

function termOf(one: Sargable): IndexTerm {
  return columnTerm(one.column, one.collation === undefined ? {} : { collation: one.collation });
}

function append(head: readonly IndexTerm[], more: readonly IndexTerm[]): IndexTerm[] {
  return [...head, ...more.filter((term) => !head.some((one) => one.column === term.column))];
}

function cover(terms: readonly IndexTerm[], columns: readonly string[]): IndexTerm[] {
  return append(
    terms,
    columns.map((column) => columnTerm(column)),
  );
}

function deduplicate(shapes: readonly Shape[]): Shape[] {
  const seen = new Map<string, Shape>();
  for (const shape of shapes) {
    const key = JSON.stringify([shape.terms, shape.partial]);
    if (!seen.has(key)) seen.set(key, shape);
  }
  return [...seen.values()];
}
