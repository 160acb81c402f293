import { type DashboardState, objectSortKeys, sortKeys, views } from './state.ts';

export type KeyState = Pick<DashboardState, 'view' | 'paused' | 'help' | 'sort' | 'objectSort' | 'filter' | 'typing'>;

export const initialKeys: KeyState = {
  view: 'overview',
  paused: false,
  help: false,
  sort: 'age',
  objectSort: 'writes',
  filter: '',
  typing: false,
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
      return state.view === 'tables'
        ? { ...state, objectSort: following(objectSortKeys, state.objectSort) }
        : { ...state, sort: following(sortKeys, state.sort) };
    case '/':
      return { ...state, typing: true };
    case 'escape':
      return { ...state, filter: '' };
    case 'left':
    case 'right': {
      const step = key === 'left' ? views.length - 1 : 1;
      return { ...state, view: views[(views.indexOf(state.view) + step) % views.length] ?? 'overview' };
    }
    default: {
      const view = views[Number(key) - 1];
      return view === undefined ? state : { ...state, view };
    }
  }
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
