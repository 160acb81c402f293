import { describe, expect, it } from 'vitest';
import { plainStyle } from '../../../src/cli/render/style.ts';
import { visibleWidth } from '../../../src/cli/render/table.ts';
import { render } from '../../../src/cli/render/text/loadtest-run.ts';
import type { RunData } from '../../../src/core/loadtest/result/run-data.ts';
import type { Report } from '../../../src/core/report.ts';

const latency = { p50Us: 255, p90Us: 900, p95Us: 1500, p99Us: 26_300, p999Us: 32_600, maxUs: 80_000, meanUs: 400 };

function report(loop: 'open' | 'closed'): Report<RunData> {
  const transaction = {
    name: 'a transaction with\na long name',
    count: 65_160,
    perSecond: 2172,
    service: latency,
    response: loop === 'open' ? latency : null,
    failed: 3,
    errorsByCode: { SQLITE_BUSY: 3 },
    retriesByCode: { SQLITE_BUSY: 9 },
  };
  const resources = {
    cpuUserMs: 1,
    cpuSystemMs: 1,
    voluntarySwitches: 1,
    involuntarySwitches: 9,
    readBytes: 0,
    writeBytes: 0,
    maxRssBytes: 1,
    gcPauseMs: 1,
    cpuPerTransactionUs: 103,
  };
  const data: RunData = {
    runId: 'r',
    scenario: 's',
    seed: 1,
    streamHash: '0123456789abcdef',
    executedHash: null,
    complete: true,
    aborted: false,
    loop,
    arrivals: null,
    clients: 1,
    groupSize: 1,
    target: { kind: 'copy', path: 'x.db', sizeBytes: 1000, sha256: null },
    phases: [{ name: 'measure', durationMs: 30_000, count: 65_160, failed: 3, complete: true }],
    transactions: [transaction],
    statements: [],
    pacing: null,
    resources,
    wal: { maxBytes: 41_200_000, checkpoints: 68, stallUs: null },
    backgroundReaders: null,
    thresholds: [],
    distribution: { view: 'service', fromUs: 100, toUs: 80_000, counts: [1, 5, 9] },
    series: [],
    verification: null,
    environment: {
      cpuModel: '',
      cores: 2,
      kernel: '',
      node: '',
      tradedb: '',
      loadAverageBefore: [0, 0, 0],
      loadAverageAfter: [0, 0, 0],
      fileSystem: { type: 'ext4', inMemory: false },
      fdatasyncUs: { p50: 110, p99: 900, samples: 100 },
      connections: [],
    },
    scratchFolder: null,
  };
  return {
    schemaVersion: 1,
    command: 'loadtest run',
    status: 'ok',
    startedAt: '',
    durationMs: 1,
    findings: [],
    checks: [],
    data,
  };
}

const tableLines = (text: string): string[] =>
  text.split('\n').filter((line) => /^ {2}(a tran|transaction)/.test(line));

describe('the text of loadtest run', () => {
  it.each([80, 120])('keeps its table within %d columns', (columns) => {
    for (const loop of ['open', 'closed'] as const) {
      const lines = tableLines(render(report(loop), plainStyle(columns)));
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(visibleWidth(line)).toBeLessThanOrEqual(columns);
    }
  });

  it('never shows service time under the name of response time', () => {
    const [head = '', row = ''] = tableLines(render(report('closed'), plainStyle(0)));
    expect(head).toContain('response p50');
    expect(row.match(/ - /g)?.length).toBeGreaterThanOrEqual(3);
  });

  it('makes line breaks of names visible and names the error codes', () => {
    const text = render(report('open'), plainStyle(0));
    expect(text).toContain('a transaction with\\na long name');
    expect(text).toContain('SQLITE_BUSY 3');
  });
});
