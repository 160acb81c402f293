/** What one recommendation does to a query. */
export interface QueryEffect {
  readonly name: string;
  readonly beforeMs: number | null;
  readonly afterMs: number | null;
}

export interface Recommendation {
  readonly action: 'create' | 'drop' | 'analyze' | 'withoutRowid';
  /** Index; the table for `withoutRowid`; null for `analyze`. */
  readonly name: string | null;
  readonly table: string | null;
  readonly sql: string;
  /** Takes it back; empty for `analyze`. */
  readonly undoSql: string;
  readonly reason: string;
  /** Queries whose plan uses it, or changes with it. */
  readonly queries: readonly QueryEffect[];
  /** Share of the reads' present time that it saves beside the others; negative when it costs. Null without a workload. */
  readonly readGain: number | null;
  /** Change of the writes' present time, as a share. */
  readonly writeChange: number | null;
  /** Size of the index: added; returned for a drop and for `withoutRowid`. */
  readonly bytes: number;
  readonly buildMs: number | null;
  /** Whether an engine without STAT4 uses it as well. */
  readonly withoutStat4: 'same' | 'different' | 'unused' | null;
}

/** Statements for a migration: up in order, and down that takes everything back. */
export interface MigrationDraft {
  readonly name: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/** Rebuilds first, and creates before drops, so that no statement is without an index in between; statistics of the touched tables last. */
export function draftMigration(
  recommendations: readonly Recommendation[],
  quote: (name: string) => string,
): MigrationDraft | null {
  const changes = recommendations.filter((one) => one.action !== 'analyze');
  if (recommendations.length === 0) return null;
  const place = { withoutRowid: 0, create: 1, drop: 2, analyze: 3 } as const;
  const ordered = [...changes].sort((a, b) => place[a.action] - place[b.action]);
  const text = (one: Recommendation, sql: string): string =>
    one.action === 'withoutRowid' ? `-- migrate:table\n${sql}` : sql;
  const tables = [...new Set(ordered.flatMap((one) => (one.table === null ? [] : [one.table])))];
  const all = recommendations.some((one) => one.action === 'analyze');
  const analyze = all ? ['ANALYZE'] : tables.map((table) => `ANALYZE ${quote(table)}`);
  return {
    name: 'indexes',
    up: [...ordered.map((one) => text(one, one.sql)), ...analyze],
    down: [...ordered].reverse().map((one) => text(one, one.undoSql)),
  };
}
