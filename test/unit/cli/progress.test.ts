import { describe, expect, it } from 'vitest';
import { createProgress } from '../../../src/cli/terminal-progress.ts';
import type { Clock } from '../../../src/core/context.ts';

function manualClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  return {
    now: () => now,
    wallTime: () => now,
    sleep: async () => {},
    sleepSync: () => {},
    defer: (task) => task(),
    after: () => () => {},
    advance: (ms) => {
      now += ms;
    },
  };
}

function run(mode: 'plain' | 'json' | 'none'): string {
  const clock = manualClock();
  let text = '';
  const task = createProgress(mode, clock, (part) => {
    text += part;
  }).start({ id: 'copy', label: 'copying', unit: 'bytes', total: 848_000_000 });
  task.advance(1_000_000);
  clock.advance(3100);
  task.advance(381_000_000);
  clock.advance(1000);
  task.advance(1_000_000);
  clock.advance(3000);
  task.total(900_000_000);
  task.advance(517_000_000);
  task.done();
  task.done();
  return text;
}

describe('progress', () => {
  it('prints a line every three seconds with share, rate and remaining time', () => {
    expect(run('plain')).toBe(
      [
        'copying  45 %  382 MB of 848 MB  123 MB/s  3.8 s left',
        'copying  100 %  900 MB of 900 MB  127 MB/s  0 s left',
        'copying  100 %  900 MB of 900 MB  127 MB/s  0 s left  done',
        '',
      ].join('\n'),
    );
  });

  it('prints one JSON object per line', () => {
    const events = run('json')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toHaveLength(3);
    expect(events[0]).toEqual({
      type: 'progress',
      id: 'copy',
      label: 'copying',
      unit: 'bytes',
      done: 382_000_000,
      total: 848_000_000,
      elapsedMs: 3100,
      perSecond: 123_225_806,
      remainingMs: 3782,
      ended: false,
    });
    expect(events[2]).toMatchObject({ ended: true, done: 900_000_000, total: 900_000_000 });
  });

  it('prints nothing when it is off, and nothing for a task that was over at once', () => {
    expect(run('none')).toBe('');
    const clock = manualClock();
    let text = '';
    const task = createProgress('plain', clock, (part) => {
      text += part;
    }).start({ id: 'a', label: 'quick', unit: 'steps' });
    task.advance(1);
    task.done();
    expect(text).toBe('');
  });
});
