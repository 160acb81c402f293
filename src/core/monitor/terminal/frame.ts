import { ageText, bytesText, clockText } from './figures.ts';
import { cutLine, type Line, piece, plainLine, spread } from './line.ts';
import { type DashboardState, views } from './state.ts';
import { safeText, wrapText } from './text-width.ts';
import { alertsView } from './view/alerts.ts';
import { detailView } from './view/detail.ts';
import { historyView } from './view/history.ts';
import { jobsView } from './view/jobs.ts';
import { locksView } from './view/locks.ts';
import { overviewLines } from './view/overview.ts';
import { queriesView } from './view/queries.ts';
import { tablesView } from './view/tables.ts';
import { walView } from './view/wal.ts';

/** One screen. Pure: the same state and size give the same lines, at most `rows` of at most `columns`. */
export function frame(state: DashboardState, columns: number, rows: number): Line[] {
  const keys = state.keys ? [keysLine(state, columns)] : [];
  const body = Math.max(1, rows - 2 - keys.length);
  const lines = [titleLine(state, columns), plainLine(''), ...bodyLines(state, columns, body)];
  if (state.keys) while (lines.length < rows - 1) lines.push(plainLine(''));
  return [...lines.slice(0, rows - keys.length), ...keys].map((line) => cutLine(line, columns));
}

function titleLine(state: DashboardState, columns: number): Line {
  const { sample } = state;
  const left = [piece(safeText(state.database), 'bold')];
  if (sample === undefined) return left;
  left.push(
    piece(
      `  ${bytesText(sample.databaseBytes)}  ${sample.mode === 'wal' ? 'WAL' : sample.mode}  gen ${sample.generation}`,
    ),
  );
  if (state.notice !== undefined) left.push(piece(`  ${safeText(state.notice)}`, 'warn'));
  const right = [
    ...(state.back > 0 && state.view !== 'history'
      ? [piece(`${ageText(state.back * 1000)} ago`, 'inverse'), piece('  ')]
      : []),
    ...(state.paused ? [piece('paused', 'inverse'), piece('  ')] : []),
    piece(`${state.rateHz} Hz  `, 'dim'),
    piece(`${clockText(sample.at)} UTC`),
  ];
  return spread(left, right, columns);
}

function bodyLines(state: DashboardState, columns: number, rows: number): Line[] {
  if (state.help) return helpLines(columns).slice(0, rows);
  if (state.detail) return detailView(state, columns, rows);
  switch (state.view) {
    case 'overview':
      return overviewLines(state, columns, rows);
    case 'tables':
      return tablesView(state, columns, rows);
    case 'locks':
      return locksView(state, columns, rows);
    case 'wal':
      return walView(state, columns, rows);
    case 'alerts':
      return alertsView(state, columns, rows);
    case 'queries':
      return queriesView(state, columns, rows);
    case 'jobs':
      return jobsView(state, columns, rows);
    case 'history':
      return historyView(state, columns, rows);
  }
}

function keysLine(state: DashboardState, columns: number): Line {
  if (state.typing)
    return [
      piece('filter: ', 'bold'),
      piece(safeText(state.filter)),
      piece('_', 'inverse'),
      piece('  enter keeps it, esc clears it', 'dim'),
    ];
  const tabs = views.flatMap((view, index) => [
    piece(`${index + 1} ${view}`, view === state.view ? 'inverse' : 'dim'),
    piece(' '),
  ]);
  const filter = state.filter === '' ? [] : [piece(`filter "${safeText(state.filter)}"  `, 'warn')];
  const keys = columns >= 120 ? `s sort / find p ${state.paused ? 'go on' : 'pause'} ← → time ? help q quit` : '? help';
  return [...tabs, ...filter, piece(keys, 'dim')];
}

function helpLines(columns: number): Line[] {
  const keys: readonly (readonly [key: string, does: string])[] = [
    ['1 to 8, tab', 'overview, tables, locks, WAL, alerts, queries, jobs, history'],
    ['left, right', 'look back a second and forward again; [ and ] ten; esc: now'],
    ['up, down, enter', 'mark a table or a process, and show it by itself'],
    ['p or space', 'pause: the screen stays, sampling goes on'],
    ['s', 'sort: processes by age, pid, command; tables by writes, pages, name'],
    ['/', 'show only processes, tables and queries with this text'],
    ['+ -', 'a shorter or longer history'],
    ['q', 'quit'],
  ];
  const notes = [
    'Commits are counted from the WAL-index: exact, without opening the database and without a lock.',
    'Ages are "at least": the kernel keeps no time for locks, so they count from the first look.',
    '"behind" is what a checkpoint has not copied yet; the -wal file keeps its size all the same.',
    'A process that is not listed may still be there: another container, or a connection without a statement.',
  ];
  return [
    ...keys.map(([key, does]) => [piece(key.padEnd(17), 'bold'), piece(does)]),
    plainLine(''),
    ...notes.flatMap((note) => wrapText(note, columns).map((text) => plainLine(text, 'dim'))),
  ];
}
