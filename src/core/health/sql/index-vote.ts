import type { Finding } from '../../report.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { type ComparableIndex, comparableIndexes, compareEntries, type EntryDifferences } from './index-entries.ts';

/**
 * Where table and index disagree, who is wrong? REINDEX believes the table, so it can make a wrong value permanent. Each
 * index that holds the column has a vote, and the table has one; a value that nobody else supports is the wrong one.
 */
export type Verdict =
  /** The index alone is wrong: REINDEX repairs it. */
  | 'index'
  /** Two or more indexes agree against the table. */
  | 'table'
  /** One against one: a person has to decide. */
  | 'conflict';

export interface Vote {
  readonly index: string;
  readonly table: string;
  readonly verdict: Verdict;
  readonly rows: number;
  /** In words, for the first rows. */
  readonly samples: readonly string[];
}

export interface VoteResult {
  readonly votes: readonly Vote[];
  readonly compared: number;
  readonly skipped: readonly { readonly index: string; readonly reason: string }[];
}

interface Compared {
  readonly index: ComparableIndex;
  readonly differences: EntryDifferences;
  /** Entry of each differing row, by key; undefined: the index has none. */
  readonly entries: ReadonlyMap<string, readonly string[] | undefined>;
  /** Row of each differing entry, by key; undefined: the table has none. */
  readonly rows: ReadonlyMap<string, readonly string[] | undefined>;
}

/** Compares all indexes with their tables and lets them vote. Throws `database_corrupt` when a table cannot be read. */
export function voteOnIndexes(connection: Connection): VoteResult {
  const all = comparableIndexes(connection).map((index) => compared(connection, index));
  const votes = all.flatMap((one) => votesOf(one, all));
  const skipped = all.flatMap(({ index, differences }) =>
    differences.skipped === undefined ? [] : [{ index: index.name, reason: differences.skipped }],
  );
  return { votes, compared: all.length - skipped.length, skipped };
}

function compared(connection: Connection, index: ComparableIndex): Compared {
  const differences = compareEntries(connection, index);
  const entries = new Map(differences.onlyInIndex.map(({ key, values }) => [key, values]));
  const rows = new Map(differences.onlyInTable.map(({ key, values }) => [key, values]));
  return { index, differences, entries, rows };
}

function votesOf(one: Compared, all: readonly Compared[]): Vote[] {
  const { index, differences } = one;
  const { table, name } = index;
  if (differences.unreadable !== undefined) {
    return [{ index: name, table, verdict: 'index', rows: 0, samples: [`cannot be read: ${differences.unreadable}`] }];
  }
  const others = all.filter(
    (other) => other !== one && other.index.table === table && other.differences.skipped === undefined,
  );
  const byVerdict = new Map<Verdict, string[]>();
  for (const key of new Set([...one.entries.keys(), ...one.rows.keys()])) {
    const { verdict, sample } = judge(one, key, others);
    byVerdict.set(verdict, [...(byVerdict.get(verdict) ?? []), sample]);
  }
  return [...byVerdict].map(([verdict, samples]) => ({
    index: name,
    table,
    verdict,
    rows: samples.length,
    samples: samples.slice(0, 5),
  }));
}

function judge(one: Compared, key: string, others: readonly Compared[]): { verdict: Verdict; sample: string } {
  const row = one.rows.get(key);
  const entry = one.entries.get(key);
  if (entry === undefined) return { verdict: 'index', sample: `row ${key} has no entry` };
  const whole = others.filter(
    ({ index, differences }) => index.where === undefined && differences.unreadable === undefined,
  );
  if (row === undefined) {
    // An entry without a row: does another index know of that row too, or do all others agree that there is none?
    const known = whole.filter((other) => other.entries.has(key) && !other.rows.has(key)).length;
    const verdict = known > 0 ? 'table' : whole.length > 0 ? 'index' : 'conflict';
    return { verdict, sample: `entry of row ${key}, which is not in the table` };
  }
  const verdicts = one.index.columns.flatMap((column, place): Verdict[] =>
    row[place] === entry[place] ? [] : [judgeValue({ column, key, table: row[place], entry: entry[place] }, whole)],
  );
  const verdict = verdicts.includes('conflict') ? 'conflict' : verdicts.includes('table') ? 'table' : 'index';
  return { verdict, sample: `row ${key} differs from its entry` };
}

function judgeValue(
  value: { column: string; key: string; table: string | undefined; entry: string | undefined },
  others: readonly Compared[],
): Verdict {
  let forTable = 0;
  let forEntry = 0;
  for (const other of others) {
    const place = other.index.columns.indexOf(value.column);
    if (place === -1) continue;
    const held = other.entries.get(value.key)?.[place] ?? (other.rows.has(value.key) ? undefined : value.table);
    if (held === value.table) forTable += 1;
    else if (held === value.entry) forEntry += 1;
  }
  if (forTable > forEntry) return 'index';
  return forEntry > forTable ? 'table' : 'conflict';
}

/** Findings of a vote, one for each index and verdict. */
export function voteFindings(id: string, { votes }: VoteResult): Finding[] {
  const words: Readonly<Record<Verdict, string>> = {
    index: 'the index is wrong',
    table: 'the table is wrong, other indexes agree against it',
    conflict: 'nobody else can tell which of the two is wrong',
  };
  const hints: Readonly<Record<Verdict, string>> = {
    index: 'rebuild it with: tradedb health recover --method reindex',
    table: 'do not REINDEX: take the row from a backup; see: tradedb health recover --dry-run',
    conflict: 'do not REINDEX before somebody has compared the rows with a backup or with the venue',
  };
  return votes.map(({ index, table, verdict, rows, samples }) => ({
    id,
    severity: 'critical',
    subject: index,
    message: `index ${index} and table ${table} disagree: ${words[verdict]}; ${samples.join(', ')}${rows > samples.length ? ` and ${rows - samples.length} more` : ''}`,
    hint: hints[verdict],
    values: { verdict, rows },
  }));
}
