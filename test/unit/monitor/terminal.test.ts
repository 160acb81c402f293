import { describe, expect, it } from 'vitest';
import { parseKeys } from '../../../src/cli/terminal-session.ts';
import { initialKeys, type KeyState, pressKey } from '../../../src/core/monitor/terminal/keys.ts';
import { diffLines } from '../../../src/core/monitor/terminal/line-diff.ts';
import { sparkline } from '../../../src/core/monitor/terminal/sparkline.ts';
import { cutText, fitText, safeText, textWidth, wrapText } from '../../../src/core/monitor/terminal/text-width.ts';

describe('keys', () => {
  const press = (...keys: readonly string[]): KeyState | 'quit' =>
    keys.reduce<KeyState | 'quit'>((state, key) => (state === 'quit' ? state : pressKey(state, key)), initialKeys);

  it('change the view, pause, sort, ask for help and quit', () => {
    expect(press('4')).toMatchObject({ view: 'wal' });
    expect(press('9')).toEqual(initialKeys);
    expect(press('tab')).toMatchObject({ view: 'tables' });
    expect(press('8', 'tab')).toMatchObject({ view: 'overview' });
    expect(press('p')).toMatchObject({ paused: true });
    expect(press('p', ' ')).toMatchObject({ paused: false });
    expect(press('s')).toMatchObject({ sort: 'pid' });
    expect(press('s', 's', 's')).toMatchObject({ sort: 'age' });
    expect(press('2', 's')).toMatchObject({ sort: 'age', objectSort: 'pages' });
    expect(press('?')).toMatchObject({ help: true });
    expect(press('?', 'q')).toMatchObject({ help: false });
    expect(press('q')).toBe('quit');
  });

  it('look back and come to the present again', () => {
    expect(press('left', 'left', '[')).toMatchObject({ back: 12 });
    expect(press('left', 'left', 'right')).toMatchObject({ back: 1 });
    expect(press('right', ']')).toMatchObject({ back: 0 });
    expect(press('[', 'escape')).toMatchObject({ back: 0 });
    expect(press('8', '-', '-', '+')).toMatchObject({ rangeMs: 21_600_000 });
    expect(press('-', '-', '-', '-', '-', '-', '-')).toMatchObject({ rangeMs: 2_592_000_000 });
  });

  it('mark a line, show it by itself, and leave from the inside out', () => {
    expect(press('2', 'down', 'down', 'up')).toMatchObject({ selected: 1 });
    expect(press('2', 'down', 'enter')).toMatchObject({ detail: true });
    expect(press('1', 'enter')).toMatchObject({ detail: false });
    expect(press('2', 'enter', 'left', 'escape')).toMatchObject({ detail: false, back: 1 });
    expect(press('2', 'down', '3')).toMatchObject({ selected: 0, view: 'locks' });
    expect(press('6', 's', 's')).toMatchObject({ querySort: 'p99', sort: 'age' });
  });

  it('type a filter, in which q is a letter', () => {
    expect(press('/', 'q', '1', 'x', 'backspace', 'enter')).toMatchObject({
      filter: 'q1',
      typing: false,
      view: 'overview',
    });
    expect(press('/', 'a', 'escape')).toMatchObject({ filter: '', typing: false });
    expect(press('/', 'left', '\u0001')).toMatchObject({ filter: '', typing: true });
    expect(press('/', 'a', 'enter', 'escape')).toMatchObject({ filter: '' });
  });

  it('come out of what a terminal sends', () => {
    expect(parseKeys('q\u001b[D\u001bOC\r\u007f\t')).toEqual(['q', 'left', 'right', 'enter', 'backspace', 'tab']);
    expect(parseKeys('\u001b')).toEqual(['escape']);
    expect(parseKeys('\u001b[15~é日')).toEqual(['é', '日']);
    expect(parseKeys('\u0003')).toEqual(['\u0003']);
  });
});

describe('the difference of two screens', () => {
  it('clears once, and then writes changed lines only', () => {
    expect(diffLines(undefined, ['a', 'b'])).toContain('\u001b[2J');
    expect(diffLines(['a', 'b'], ['a', 'b'])).toBe('');
    const change = diffLines(['a', 'b', 'c'], ['a', 'x']);
    expect(change).toContain('\u001b[2;1Hx\u001b[K');
    expect(change).toContain('\u001b[3;1H\u001b[K');
    expect(change).not.toContain('\u001b[1;1H');
    expect(change.startsWith('\u001b[?2026h') && change.endsWith('\u001b[?2026l')).toBe(true);
  });
});

describe('text of a terminal', () => {
  it('knows wide and combining characters', () => {
    expect(textWidth('日本')).toBe(4);
    expect(textWidth('e\u0301')).toBe(1);
    expect(textWidth('😀')).toBe(2);
    expect(cutText('日本語', 4)).toBe('日…');
    expect(cutText('abc', 3)).toBe('abc');
    expect(fitText('abc', 5, 'right')).toBe('  abc');
    expect(fitText('日本語', 4)).toBe('日… ');
  });

  it('shows control characters instead of obeying them', () => {
    expect(safeText('a\u001b[2Jb\nc\td\u202e')).toBe('a\\x1b[2Jb\\nc\\td\\x202e');
  });

  it('wraps at spaces and keeps a long word whole', () => {
    expect(wrapText('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapText('extraordinary one', 5)).toEqual(['extraordinary', 'one']);
  });

  it('draws bars from 0', () => {
    expect(sparkline([0, 1, 2, 4], 6)).toBe('  ▁▂▄█');
    expect(sparkline([], 3)).toBe('   ');
    expect(sparkline([0, 0], 2)).toBe('▁▁');
    expect(sparkline([1, 2, 3, 4, 5], 3)).toHaveLength(3);
  });
});
