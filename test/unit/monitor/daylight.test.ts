import { expect, it } from 'vitest';
import { nextRun } from '../../../src/core/schedule/next-run.ts';

const zone = 'Europe/Zurich';

function runs(cron: string, from: number, count: number): string[] {
  const times: string[] = [];
  for (let at = from; times.length < count; ) {
    const next = nextRun(cron, at, zone);
    if (next === undefined) break;
    times.push(new Date(next).toISOString().slice(5, 16));
    at = next;
  }
  return times;
}

it('a job of an hour that is skipped runs right after it', () => {
  // 02:00 to 03:00 of 29 March does not exist: 03:00 summer time is 01:00 UTC.
  expect(runs('30 2 * * *', Date.UTC(2026, 2, 27, 12), 3)).toEqual(['03-28T01:30', '03-29T01:00', '03-30T00:30']);
});

it('a job of an hour that comes twice runs once', () => {
  expect(runs('30 2 * * *', Date.UTC(2026, 9, 24, 12), 2)).toEqual(['10-25T00:30', '10-26T01:30']);
});

it('a job of every hour runs in each of the 25', () => {
  expect(runs('0 * * * *', Date.UTC(2026, 9, 24, 23, 30), 3)).toEqual(['10-25T00:00', '10-25T01:00', '10-25T02:00']);
});
