import type { QueryRow } from '../../queries/query-statistics.ts';
import { countText, rateText, shareText } from '../figures.ts';
import { type Line, plainLine } from '../line.ts';
import type { DashboardState, QuerySortKey } from '../state.ts';
import { fitText, safeText, wrapText } from '../text-width.ts';

/** What engines with the library tell about their transactions and reads. */
export function queriesView(state: DashboardState, columns: number, rows: number): Line[] {
  const { queries, filter, querySort } = state;
  if (queries.engines.length === 0) {
    const text =
      'No engine tells what it does. One that opens the database with the library and the option "statistics" is shown here: calls, times, retries, cache, readers.';
    return wrapText(text, columns).map((line) => plainLine(line, 'dim'));
  }
  const name = Math.max(12, Math.min(44, columns - 62));
  const row = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? fitText(cell, name) : fitText(cell, index === 1 ? 8 : 9, 'right')))
      .join(' ');
  const shown = [...queries.queries]
    .filter((query) => query.name.toLowerCase().includes(filter.toLowerCase()))
    .sort(order(querySort));
  const lines = shown.map((query) =>
    plainLine(
      row([
        safeText(query.name),
        rateText(query.callsPerSecond),
        countText(query.calls),
        timeText(query.meanMs),
        timeText(query.p99Ms),
        countText(query.rows),
        countText(query.retries),
        countText(query.errors),
      ]),
      query.errors > 0 ? 'warn' : 'plain',
    ),
  );
  const head = plainLine(row(['NAME', 'CALLS/S', 'CALLS', 'MEAN', 'P99', 'ROWS', 'RETRIES', 'ERRORS']), 'dim');
  return [engineLine(state), plainLine(''), head, ...lines].slice(0, rows);
}

function engineLine({ queries: { engines } }: DashboardState): Line {
  const sum = (of: (engine: (typeof engines)[number]) => number): number =>
    engines.reduce((total, engine) => total + of(engine), 0);
  const hits = sum(({ cacheHits }) => cacheHits);
  const asked = hits + sum(({ cacheMisses }) => cacheMisses);
  const cache = asked === 0 ? 'not used' : `${shareText(hits / asked)} hits`;
  const pool = `${sum(({ poolBusy }) => poolBusy)} of ${sum(({ poolSize }) => poolSize)} busy`;
  const waiting = sum(({ poolQueued }) => poolQueued);
  return plainLine(
    `${engines.length} ${engines.length === 1 ? 'engine' : 'engines'}   result cache ${cache}   background readers ${pool}, ${waiting} waiting`,
  );
}

/** `12 us`, `3.4 ms`, `1.2 s`. */
function timeText(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} us`;
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function order(sort: QuerySortKey): (a: QueryRow, b: QueryRow) => number {
  const byName = (a: QueryRow, b: QueryRow): number => a.name.localeCompare(b.name, 'en');
  switch (sort) {
    case 'time':
      return (a, b) => b.totalMs - a.totalMs || byName(a, b);
    case 'calls':
      return (a, b) => b.calls - a.calls || byName(a, b);
    case 'p99':
      return (a, b) => b.p99Ms - a.p99Ms || byName(a, b);
    case 'name':
      return byName;
  }
}
