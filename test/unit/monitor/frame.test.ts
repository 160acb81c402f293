import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Sample } from '../../../src/core/monitor/sample.ts';
import { frame } from '../../../src/core/monitor/terminal/frame.ts';
import { initialKeys } from '../../../src/core/monitor/terminal/keys.ts';
import { lineWidth, paintLine } from '../../../src/core/monitor/terminal/line.ts';
import { type DashboardState, views } from '../../../src/core/monitor/terminal/state.ts';
import { makeSample } from '../../support/sample.ts';

const points = Array.from({ length: 70 }, (_, second) => ({
  commits: 150 + ((second * 37) % 90),
  frames: 400 + ((second * 53) % 200),
  checkpointedFrames: second % 10 === 0 ? 4000 : 0,
  resets: 0,
  backlogBytes: second * 200_000,
}));

const pinnedSample = makeSample({
  pinned: [
    {
      slot: 1,
      mark: 444,
      lagFrames: 3705,
      heldAtLeastMs: 61_000,
      holders: [
        { pid: 4123, startTime: '1', command: 'node report.js', bytes: ['DMS', 'READ1'], heldAtLeastMs: 61_000 },
        { pid: 4180, startTime: '3', command: 'node report.js', bytes: ['DMS', 'READ1'], heldAtLeastMs: 61_000 },
      ],
    },
  ],
});

const alerts: DashboardState['alerts'] = [
  { rule: 'errors', phase: 'ok', severity: null, value: 0, silenced: false },
  { rule: 'reader-age', phase: 'pending', severity: 'warning', value: 61, silenced: false },
  { rule: 'wal-size', phase: 'firing', severity: 'critical', value: 15_264_600, silenced: false },
  { rule: 'health', phase: 'firing', severity: 'warning', value: 1, labels: { check: 'disk.free' }, silenced: true },
].map((alert) => ({ labels: {}, since: '2026-03-01T14:00:00.000Z', ...alert }));

function state(parts: Partial<DashboardState> = {}): DashboardState {
  return {
    ...initialKeys,
    database: 'trading.db',
    sample: pinnedSample,
    points,
    rates: { commitsPerSecond: 212, framesPerSecond: 637, walResetsPerMinute: 0, checkpointedFramesPerSecond: 0 },
    objectRates: { 'table trades': 421, 'index trades_ts': 212 },
    findings: [
      {
        id: 'reader.pinned',
        severity: 'warning',
        subject: 'READ1',
        message: 'the checkpoint stops at frame 444, 3705 behind, for at least 1 m 1 s: pid 4123 (node report.js)',
        hint: 'end that read transaction; the WAL grows until then',
      },
      { id: 'disk.free', severity: 'warning', message: '1.60 GB of disk space are free (limit 2.15 GB)' },
    ],
    lastCheckpointAt: '2026-03-01T14:01:10.000Z',
    alerts,
    rateHz: 10,
    notice: undefined,
    keys: true,
    queries: { queries: [], engines: [] },
    probe: undefined,
    jobs: undefined,
    history: undefined,
    trail: [],
    ...parts,
  };
}

const trail = Array.from({ length: 60 }, (_, second) => ({ 'table trades': 300 + ((second * 31) % 150) }));

const queries: DashboardState['queries'] = {
  engines: [{ pid: 977, cacheHits: 940, cacheMisses: 60, poolSize: 2, poolBusy: 1, poolQueued: 0 }],
  queries: [
    ['order.new', 'transaction', 210.4, 61_200, 0.21, 1.9, 0, 4, 0],
    ['position.read', 'read', 12, 3400, 0.034, 0.2, 3400, 0, 0],
    ['fill.apply', 'transaction', 2, 900, 1.2, 48, 0, 31, 2],
  ].map(([name, kind, callsPerSecond, calls, meanMs, p99Ms, rows, retries, errors]) => ({
    name: String(name),
    kind: String(kind),
    callsPerSecond: Number(callsPerSecond),
    calls: Number(calls),
    totalMs: Number(calls) * Number(meanMs),
    meanMs: Number(meanMs),
    p99Ms: Number(p99Ms),
    waitMs: 0,
    rows: Number(rows),
    retries: Number(retries),
    errors: Number(errors),
  })),
};

const jobs: DashboardState['jobs'] = [
  { at: '2026-03-01T14:00:04.100Z', job: 'health', result: 'ok', durationMs: 870, problem: undefined },
  { at: '2026-03-01T12:00:41.000Z', job: 'backup', result: 'failed', durationMs: 39_000, problem: 'no space left' },
];

const history: DashboardState['history'] = {
  level: 'minute',
  stepMs: 60_000,
  times: Array.from({ length: 60 }, (_, minute) => Date.UTC(2026, 2, 1, 13, minute)),
  series: {
    commits_total: Array.from({ length: 60 }, (_, minute) => {
      const average = minute === 30 ? 0 : 150 + ((minute * 37) % 90);
      return minute < 5 ? null : { min: average - 20, max: average + 20, average };
    }),
    wal_backlog_bytes: Array.from({ length: 60 }, (_, minute) => ({
      min: 0,
      max: minute * 3e5,
      average: minute * 2e5,
    })),
  },
};

const text = (parts: Partial<DashboardState>, columns: number, rows: number): string =>
  `${frame(state(parts), columns, rows)
    .map((line) => paintLine(line, false))
    .join('\n')}\n`;

const quiet: Sample = makeSample({
  holders: 'none',
  locks: [],
  connectedProcesses: 0,
  backlogBytes: 0,
  walFileBytes: 0,
});

describe('frames', () => {
  it.each([
    ['overview-80x24', {}, 80, 24],
    ['overview-120x40', {}, 120, 40],
    ['overview-40x10', {}, 40, 10],
    ['tables-80x24', { view: 'tables' }, 80, 24],
    ['tables-120x40', { view: 'tables', sample: makeSample({ coverage: 0.4, unknownFrames: 12 }) }, 120, 40],
    ['locks-80x24', { view: 'locks' }, 80, 24],
    ['wal-120x40', { view: 'wal' }, 120, 40],
    ['alerts-80x24', { view: 'alerts' }, 80, 24],
    ['alerts-none-80x24', { view: 'alerts', alerts: undefined, findings: [] }, 80, 24],
    ['alerts-good-80x24', { view: 'alerts', alerts: alerts?.slice(0, 1), findings: [] }, 80, 24],
    ['help-80x24', { help: true }, 80, 24],
    ['filter-80x24', { view: 'locks', filter: 'engine', typing: true }, 80, 24],
    ['paused-80x24', { paused: true, notice: 'sampler restarted' }, 80, 24],
    ['quiet-80x24', { sample: quiet, findings: [], points: [] }, 80, 24],
    ['waiting-80x24', { sample: undefined, findings: [], points: [] }, 80, 24],
    ['hidden-80x24', { sample: makeSample({ holders: 'outside-namespace', locks: [], pinned: [] }) }, 80, 24],
    ['rollback-80x24', { sample: makeSample({ mode: 'rollback', pinned: [] }), view: 'overview' }, 80, 24],
    ['detail-table-80x24', { view: 'tables', detail: true, trail }, 80, 24],
    ['detail-process-80x24', { view: 'locks', detail: true }, 80, 24],
    ['marked-80x24', { view: 'tables', selected: 1, back: 75 }, 80, 24],
    ['queries-120x40', { view: 'queries', queries }, 120, 40],
    ['queries-none-80x24', { view: 'queries' }, 80, 24],
    ['jobs-80x24', { view: 'jobs', jobs }, 80, 24],
    ['jobs-none-80x24', { view: 'jobs' }, 80, 24],
    ['history-80x24', { view: 'history', history, back: 10 }, 80, 24],
    ['history-none-80x24', { view: 'history' }, 80, 24],
    ['once-100x40', { keys: false }, 100, 40],
  ] as const)('%s', async (name, parts, columns, rows) => {
    await expect(text(parts, columns, rows)).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it('never leaves the screen, whatever the size and the names', () => {
    const name = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 3, max: 60 }),
        name,
        fc.constantFrom(...views),
        (columns, rows, command, view) => {
          const locks = [{ pid: 1, startTime: '1', command, bytes: ['READ1'], heldAtLeastMs: 5 }];
          const hostile = state({
            database: command,
            view,
            filter: '',
            sample: makeSample({ locks }),
            detail: rows % 2 === 0,
            queries: { ...queries, queries: queries.queries.map((query) => ({ ...query, name: command })) },
            jobs: jobs?.map((job) => ({ ...job, job: command, problem: command })),
            history,
          });
          const lines = frame(hostile, columns, rows);
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) {
            expect(lineWidth(line)).toBeLessThanOrEqual(columns);
            expect(paintLine(line, false)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
          }
        },
      ),
    );
  });

  it('says everything without colour, and the same with it', () => {
    const sequence = /\u001b\[[0-9;]*m/g;
    for (const line of frame(state(), 80, 24)) {
      expect(paintLine(line, true).replace(sequence, '').trimEnd()).toBe(paintLine(line, false));
    }
  });

  it('sorts and filters the processes', () => {
    const order = (parts: Partial<DashboardState>): string[] =>
      [...text({ view: 'locks', ...parts }, 120, 40).matchAll(/^[ >]+(\d+) {2}(?:READ1|WRITE)/gm)].map(
        ([, pid]) => pid ?? '',
      );
    expect(order({ sort: 'age' })).toEqual(['4123', '977']);
    expect(order({ sort: 'pid' })).toEqual(['977', '4123']);
    expect(order({ sort: 'cmd' })).toEqual(['977', '4123']);
    expect(order({ filter: 'REPORT' })).toEqual(['4123']);
  });
});
