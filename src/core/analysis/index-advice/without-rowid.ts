import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { StudiedQuery } from '../cost/studied-query.ts';
import { statementFault } from '../queries/plan-query.ts';
import type { Laboratory } from './laboratory.ts';
import type { QueryEffect, Recommendation } from './recommendation.ts';
import { namesRowid, readTableText, type TableText, withOption } from './table-form.ts';

/** SQLite's own advice: rows of a WITHOUT ROWID table should be smaller than this part of a page. */
const largestRowShare = 1 / 20;
/** Bytes of the table with its indexes must fall by this share. */
const fewestSaved = 0.2;
const mostTables = 3;
const slackMs = 0.02;
const spendMs = 40;

interface KeyedCandidate {
  readonly table: string;
  readonly sql: string;
  readonly text: TableText;
  readonly bytes: number;
}

export interface KeyedAdvice {
  readonly recommendations: readonly Recommendation[];
  readonly rejected: readonly { readonly name: string; readonly sql: string; readonly reason: string }[];
}

/**
 * Tables that would be smaller and no slower without their hidden row number. Each is rebuilt on the private copy, which
 * is of no use for other measurements afterwards: this comes last.
 */
export async function adviseWithoutRowid(
  laboratory: Laboratory,
  limits: Limits,
  context: OperationContext,
): Promise<KeyedAdvice> {
  const recommendations: Recommendation[] = [];
  const rejected: { name: string; sql: string; reason: string }[] = [];
  for (const candidate of keyedCandidates(laboratory.copy, laboratory.study.queries).slice(0, mostTables)) {
    throwIfCancelled(context.signal);
    const found = leftMs(laboratory, limits) > 0 ? await tryOne(candidate, laboratory, limits) : outOfTime;
    if (typeof found === 'string') {
      rejected.push({ name: candidate.table, sql: keyedSql(candidate, candidate.table), reason: found });
    } else recommendations.push(found);
  }
  return { recommendations, rejected };
}

const outOfTime = 'the time limit came before it was tried';

interface Limits {
  readonly maxSlowdown: number;
  readonly deadline: number;
}

function leftMs({ now }: Laboratory, { deadline }: Limits): number {
  return deadline - now();
}

function keyedSql({ text }: KeyedCandidate, name: string): string {
  return withOption(text, name, 'WITHOUT ROWID');
}

/** Tables of the workload with a declared key that is not the row number, small rows, and no statement that names it. */
function keyedCandidates(copy: Connection, queries: readonly StudiedQuery[]): KeyedCandidate[] {
  const used = new Set(queries.flatMap(({ use }) => [...use.tables]));
  const tables = copy.all<{ name: string; sql: string }>(
    `SELECT t.name AS name, s.sql AS sql FROM pragma_table_list t JOIN sqlite_schema s ON s.type = 'table' AND s.name = t.name
     WHERE t.schema = 'main' AND t.type = 'table' AND t.wr = 0
       AND EXISTS (SELECT 1 FROM pragma_index_list(t.name) i WHERE i.origin = 'pk')`,
  );
  const pageBytes = Number(copy.pragmaValue('page_size'));
  return tables
    .filter(({ name }) => used.has(name) && !speaksOfRowid(name, copy, queries))
    .flatMap(({ name, sql }) => {
      const text = readTableText(sql);
      const row = copy.get<{ payload: number; ncell: number }>(
        'SELECT payload, ncell FROM dbstat WHERE name = ? AND aggregate = TRUE',
        [name],
      );
      const small = row !== undefined && row.ncell > 0 && row.payload / row.ncell < pageBytes * largestRowShare;
      return text === undefined || !small ? [] : [{ table: name, sql, text, bytes: tableBytes(copy, name) }];
    })
    .sort((a, b) => b.bytes - a.bytes);
}

function speaksOfRowid(table: string, copy: Connection, queries: readonly StudiedQuery[]): boolean {
  const programs = copy
    .all<{ sql: string }>("SELECT sql FROM sqlite_schema WHERE type IN ('trigger', 'view') AND sql IS NOT NULL")
    .map((row) => row.sql);
  const statements = queries.filter(({ use }) => use.tables.has(table)).map(({ query }) => query.sql);
  return [...statements, ...programs].some(namesRowid);
}

/** The table and the indexes that the schema has. */
function tableBytes(copy: Connection, table: string): number {
  return Number(
    copy.value(
      `SELECT coalesce(sum(d.pgsize), 0) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name
       WHERE s.tbl_name = ? AND d.aggregate = TRUE`,
      [table],
    ) ?? 0,
  );
}

async function tryOne(
  candidate: KeyedCandidate,
  laboratory: Laboratory,
  limits: Limits,
): Promise<Recommendation | string> {
  const { copy, client, study, meter } = laboratory;
  const { table } = candidate;
  // Indexes that the search has built would count as bytes of the table.
  const own = meter.builtNames.map((name) => `DROP INDEX IF EXISTS ${quoteIdentifier(name)}`).join(';');
  await client.exec(own, restoreCapMs);
  const queries = study.queries.filter(({ use }) => use.tables.has(table));
  const before = { bytes: tableBytes(copy, table), times: await timeAll(queries, laboratory, limits) };
  const started = laboratory.now();
  try {
    const capMs = leftMs(laboratory, limits) * rebuildShare;
    if (capMs <= 0) return outOfTime;
    if (!(await client.exec(rebuildSql(candidate, copy), capMs))) return 'takes too long to rebuild for the time limit';
  } catch (error) {
    // A key of a table with rowids may hold NULL, one of a table without may not.
    const reason = `cannot be rebuilt: ${statementFault(error)}`;
    const left = quoteIdentifier(`tradedb_keyed_${table}`);
    await client.exec(
      `DROP TABLE IF EXISTS ${left}; PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = ON`,
      restoreCapMs,
    );
    return reason;
  }
  const buildMs = laboratory.now() - started;
  const after = { bytes: tableBytes(copy, table), times: await timeAll(queries, laboratory, limits) };
  const saved = 1 - after.bytes / before.bytes;
  if (saved < fewestSaved) return `saves ${Math.round(saved * 100)} % of its bytes only`;
  const effects = queries.map(
    ({ query }): QueryEffect => ({
      name: query.name,
      beforeMs: before.times.get(query.name) ?? null,
      afterMs: after.times.get(query.name) ?? null,
    }),
  );
  const slower = effects.find(
    ({ beforeMs, afterMs }) =>
      beforeMs === null || afterMs === null || afterMs > beforeMs * limits.maxSlowdown + slackMs,
  );
  if (slower !== undefined) return `makes ${slower.name} slower`;
  return {
    action: 'withoutRowid',
    name: table,
    table,
    sql: keyedSql(candidate, table),
    undoSql: candidate.sql,
    reason: `its rows are small and have a key of their own: ${Math.round(saved * 100)} % fewer bytes`,
    queries: effects,
    readGain: null,
    writeChange: null,
    bytes: before.bytes - after.bytes,
    buildMs,
    withoutStat4: null,
  };
}

/** To take back what was tried. */
const restoreCapMs = 30_000;
/** Part of the time that is left for the rebuild of one table; the rest is for its statements. */
const rebuildShare = 0.6;

/** A rebuild as a migration does it, on the copy. Indexes and triggers are made again from their texts. */
function rebuildSql(candidate: KeyedCandidate, copy: Connection): string {
  const { table } = candidate;
  const [name, fresh] = [quoteIdentifier(table), quoteIdentifier(`tradedb_keyed_${table}`)];
  const columns = copy
    .all<{ name: string }>('SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid', [table])
    .map((row) => quoteIdentifier(row.name))
    .join(', ');
  const attached = copy
    .all<{ sql: string }>(
      "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL",
      [table],
    )
    .map((row) => `${row.sql};`);
  return `PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;
    ${keyedSql(candidate, `tradedb_keyed_${table}`)};
    INSERT INTO ${fresh}(${columns}) SELECT ${columns} FROM ${name} ORDER BY ${keyColumns(copy, table)};
    DROP TABLE ${name}; ALTER TABLE ${fresh} RENAME TO ${name};
    ${attached.join('\n')}
    ANALYZE ${name}; PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = ON`;
}

function keyColumns(copy: Connection, table: string): string {
  return copy
    .all<{ name: string }>('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk', [table])
    .map((row) => quoteIdentifier(row.name))
    .join(', ');
}

/** Best time of the first set of each query; what cannot be timed, or not any more, is left out. */
async function timeAll(
  queries: readonly StudiedQuery[],
  laboratory: Laboratory,
  limits: Limits,
): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const { query, sets } of queries) {
    const [set] = sets;
    if (set === undefined) continue;
    try {
      const target = { sql: set.sql, values: set.values, pragmas: query.pragmas, hidden: [] };
      const capMs = leftMs(laboratory, limits) / queries.length;
      if (capMs <= 0) break;
      const timing = await laboratory.client.time(target, { executions: 300, spendMs, capMs });
      if (timing !== undefined) times.set(query.name, timing.bestMs);
    } catch (error) {
      statementFault(error);
    }
  }
  return times;
}
