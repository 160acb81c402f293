import { type DashboardState, historyRanges, objectSortKeys, querySortKeys, sortKeys, views } from './state.ts';

export type KeyState = Pick<
  DashboardState,
  | 'view'
  | 'paused'
  | 'help'
  | 'sort'
  | 'objectSort'
  | 'querySort'
  | 'filter'
  | 'typing'
  | 'back'
  | 'selected'
  | 'detail'
  | 'rangeMs'
>;

export const initialKeys: KeyState = {
  view: 'overview',
  paused: false,
  help: false,
  sort: 'age',
  objectSort: 'writes',
  querySort: 'time',
  filter: '',
  typing: false,
  back: 0,
  selected: 0,
  detail: false,
  rangeMs: 3_600_000,
};

/** What a key does. Pure; `quit` ends the dashboard. */
export function pressKey(state: KeyState, key: string): KeyState | 'quit' {
  if (state.typing) return typeFilter(state, key);
  if (state.help) return { ...state, help: false };
  switch (key) {
    case 'q':
      return 'quit';
    case 'p':
    case ' ':
      return { ...state, paused: !state.paused };
    case '?':
    case 'h':
      return { ...state, help: true };
    case 's':
      return { ...state, ...nextSort(state), selected: 0 };
    case '/':
      return { ...state, typing: true };
    case 'escape':
      // From the inside out: the detail, then the past, then the filter.
      if (state.detail) return { ...state, detail: false };
      return state.back > 0 ? { ...state, back: 0 } : { ...state, filter: '' };
    case 'left':
      return { ...state, back: state.back + 1 };
    case 'right':
      return { ...state, back: Math.max(0, state.back - 1) };
    case '[':
      return { ...state, back: state.back + 10 };
    case ']':
      return { ...state, back: Math.max(0, state.back - 10) };
    case 'up':
      return { ...state, selected: Math.max(0, state.selected - 1) };
    case 'down':
      return { ...state, selected: state.selected + 1 };
    case 'enter':
      return state.view === 'tables' || state.view === 'locks' ? { ...state, detail: !state.detail } : state;
    case '+':
    case '-':
      return { ...state, rangeMs: otherRange(state.rangeMs, key === '-' ? 1 : -1), back: 0 };
    case 'tab':
      return toView(state, following(views, state.view));
    default: {
      const view = views[Number(key) - 1];
      return view === undefined ? state : toView(state, view);
    }
  }
}

function toView(state: KeyState, view: KeyState['view']): KeyState {
  return { ...state, view, selected: 0, detail: false };
}

function nextSort(state: KeyState): Partial<KeyState> {
  if (state.view === 'tables') return { objectSort: following(objectSortKeys, state.objectSort) };
  if (state.view === 'queries') return { querySort: following(querySortKeys, state.querySort) };
  return { sort: following(sortKeys, state.sort) };
}

/** The next longer or shorter range; a length that was typed lies between two of them. */
function otherRange(now: number, step: 1 | -1): number {
  const found = step > 0 ? historyRanges.find((range) => range > now) : historyRanges.findLast((range) => range < now);
  return found ?? now;
}

function following<T>(list: readonly T[], value: T): T {
  return list[(list.indexOf(value) + 1) % list.length] ?? value;
}

function typeFilter(state: KeyState, key: string): KeyState {
  if (key === 'enter') return { ...state, typing: false };
  if (key === 'escape') return { ...state, typing: false, filter: '' };
  if (key === 'backspace') return { ...state, filter: state.filter.slice(0, -1) };
  return [...key].length === 1 && key >= ' ' ? { ...state, filter: state.filter + key } : state;
}
