import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { assembleShapes, type Shape, type TableUse } from '../candidates/assemble.ts';
import type { Candidate } from '../candidates/candidate.ts';
import {
  columnTerm,
  contentKey,
  defineIndex,
  type ExistingIndex,
  type IndexDefinition,
} from '../candidates/index-definition.ts';
import { type Sargable, SargableProbe } from '../candidates/sargable-probe.ts';
import { suggestFromText, type TextSuggestions } from '../candidates/token-scan.ts';
import type { StudiedQuery } from '../cost/studied-query.ts';
import type { SampleDatabase } from '../shadow/sample-database.ts';

/** A partial index must be worth it: few rows, chosen by a column with few values. */
const partialShare = 0.25;
const partialDistinct = 64;

export type CandidateKind = 'plain' | 'covering' | 'partial' | 'expression' | 'without-rowid';

export interface ProposeRequest {
  readonly queries: readonly StudiedQuery[];
  readonly existing: readonly ExistingIndex[];
  /** A schema without rows of its own, which the probes change. */
  readonly probeSchema: Connection;
  readonly sample: SampleDatabase;
  /** Tables that may get an index: virtual ones may not. */
  readonly tables: ReadonlySet<string>;
  readonly kinds: ReadonlySet<CandidateKind>;
}

/** Every index that some statement of the workload might use, by its shape. */
export function proposeCandidates(request: ProposeRequest): Candidate[] {
  const { queries, existing, probeSchema, sample } = request;
  const probe = new SargableProbe(probeSchema);
  const texts = new Map(queries.map((studied) => [studied, suggestionsOf(studied)]));
  const searched = probeAll(probe, request, texts);
  const collector = new Collector(existing);
  for (const studied of queries) {
    const text = texts.get(studied);
    if (text === undefined) continue;
    for (const [table, columns] of studied.use.columns) {
      if (!request.tables.has(table)) continue;
      const rowid = rowidColumn(probeSchema, table);
      const found = (searched.get(studied) ?? []).filter((one) => one.table === table);
      const use = tableUse({ table, columns, rowid, found, text }, request);
      for (const shape of assembleShapes(use, (column) => sample.distinct(table, column))) {
        collector.add([shape], studied.query.name, use);
      }
      for (const group of probe.orGroups(
        table,
        [...columns].filter((column) => column !== rowid),
        firstSet(studied),
      )) {
        collector.add(
          group.map((column): Shape => ({ table, terms: [columnTerm(column)] })),
          studied.query.name,
          use,
        );
      }
    }
  }
  return collector.candidates.filter((candidate) => allowed(candidate, request.kinds));
}

/** From the text; a constant counts only when it is the same in every execution that was seen. */
function suggestionsOf({ query, use }: StudiedQuery): TextSuggestions {
  const first = suggestFromText(query.sql, use.columns);
  const texts = new Set([...query.tuning, ...query.heldOut].map((set) => set.sql));
  texts.delete(query.sql);
  let { constants } = first;
  for (const sql of texts) {
    if (constants.length === 0) break;
    const here = suggestFromText(sql, use.columns).constants;
    constants = constants.filter((one) =>
      here.some((other) => other.table === one.table && other.column === one.column && other.where === one.where),
    );
  }
  return { ...first, constants };
}

function firstSet(studied: StudiedQuery) {
  return studied.sets[0] ?? { sql: studied.query.sql, values: [] };
}

function probeAll(
  probe: SargableProbe,
  { queries, tables }: ProposeRequest,
  texts: ReadonlyMap<StudiedQuery, TextSuggestions>,
): Map<StudiedQuery, Sargable[]> {
  const users = new Map<string, { table: string; column: string; queries: StudiedQuery[] }>();
  for (const studied of queries) {
    for (const [table, columns] of studied.use.columns) {
      if (!tables.has(table)) continue;
      for (const column of columns) {
        const key = `${table}\0${column}`;
        const entry = users.get(key) ?? { table, column, queries: [] };
        entry.queries.push(studied);
        users.set(key, entry);
      }
    }
  }
  const found = new Map<StudiedQuery, Sargable[]>();
  for (const { table, column, queries: readers } of users.values()) {
    for (const collation of [undefined, 'NOCASE'] as const) {
      const asked = collation === undefined ? readers : readers.filter((one) => texts.get(one)?.ignoresCase === true);
      if (asked.length === 0) continue;
      for (const [index, sargable] of probe.probe(table, column, collation, asked.map(firstSet)).entries()) {
        const studied = asked[index];
        if (studied !== undefined && sargable !== undefined)
          found.set(studied, [...(found.get(studied) ?? []), sargable]);
      }
    }
  }
  return found;
}

function tableUse(
  parts: {
    readonly table: string;
    readonly columns: ReadonlySet<string>;
    readonly rowid: string | undefined;
    readonly found: readonly Sargable[];
    readonly text: TextSuggestions;
  },
  { sample, kinds }: ProposeRequest,
): TableUse {
  const { table, text, rowid } = parts;
  const constants = text.constants.filter((one) => one.table === table && kinds.has('partial'));
  return {
    table,
    searched: parts.found.filter((one) => one.column !== rowid),
    sorts: text.sorts
      .filter((sort) => sort.table === table)
      .map((sort) => ({ ...sort, terms: withoutRowidTail(sort.terms, rowid) }))
      .filter((sort) => sort.terms.length > 0),
    columns: [...parts.columns].filter((column) => column !== rowid),
    constants: constants.filter((one) => {
      const condition = `${quoteIdentifier(one.column)} ${one.where}`;
      return sample.share(table, condition) <= partialShare && sample.distinct(table, one.column) <= partialDistinct;
    }),
    expressions: text.expressions.filter((one) => one.table === table).map((one) => one.text),
    covering: kinds.has('covering'),
  };
}

/** Every index ends in the rowid anyway. */
function withoutRowidTail<T extends { readonly column: string }>(terms: readonly T[], rowid: string | undefined): T[] {
  return terms.at(-1)?.column === rowid ? terms.slice(0, -1) : [...terms];
}

/** The column that is the rowid itself: an INTEGER PRIMARY KEY. */
function rowidColumn(connection: Connection, table: string): string | undefined {
  const columns = connection.all<{ name: string; type: string }>(
    'SELECT name, type FROM pragma_table_info(?) WHERE pk > 0',
    [table],
  );
  const keyed = connection.value("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", [table]) === 1;
  const [only] = columns;
  return columns.length === 1 && !keyed && only?.type.toUpperCase() === 'INTEGER' ? only.name : undefined;
}

function allowed(candidate: Candidate, kinds: ReadonlySet<CandidateKind>): boolean {
  return candidate.indexes.every((index) => {
    const partial = index.where !== undefined;
    const expression = index.terms.some((term) => term.column === null);
    if (!partial && !expression) return kinds.has('plain') || kinds.has('covering');
    return (!partial || kinds.has('partial')) && (!expression || kinds.has('expression'));
  });
}

/** Gathers shapes of all statements, each once, and none that the schema has already. */
class Collector {
  readonly #existing: Set<string>;
  readonly #taken: Set<string>;
  readonly #found = new Map<string, { indexes: IndexDefinition[]; origins: Set<string> }>();

  constructor(existing: readonly ExistingIndex[]) {
    this.#existing = new Set(existing.map(contentKey));
    this.#taken = new Set(existing.map((index) => index.name.toLowerCase()));
  }

  add(shapes: readonly Shape[], origin: string, use: TableUse): void {
    const definitions = shapes
      .map((shape) => this.#define(shape))
      .filter((one) => !this.#existing.has(contentKey(one)));
    if (definitions.length === 0 || use.columns.length === 0) return;
    const id = definitions.map(contentKey).sort().join('\n');
    const entry = this.#found.get(id) ?? { indexes: definitions, origins: new Set() };
    entry.origins.add(origin);
    this.#found.set(id, entry);
  }

  #define(shape: Shape): IndexDefinition {
    const { partial } = shape;
    return defineIndex(shape.table, shape.terms, {
      taken: this.#taken,
      ...(partial === undefined ? {} : { where: `${quoteIdentifier(partial.column)} ${partial.where}` }),
    });
  }

  get candidates(): Candidate[] {
    return [...this.#found].map(([id, { indexes, origins }]) => ({ id, indexes, origins: [...origins] }));
  }
}
