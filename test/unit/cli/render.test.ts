import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, sparkline } from '../../../src/cli/render/format.ts';
import { renderJson } from '../../../src/cli/render/json.ts';
import { renderJunit } from '../../../src/cli/render/junit.ts';
import { renderMarkdown } from '../../../src/cli/render/markdown.ts';
import { renderPrometheus } from '../../../src/cli/render/prometheus.ts';
import { plainStyle } from '../../../src/cli/render/style.ts';
import { table, visibleWidth } from '../../../src/cli/render/table.ts';
import type { Report } from '../../../src/core/report.ts';

const hostile = 'a<b>&"c" | `d`\n\u001b[31m\u0000';
const report: Report = {
  schemaVersion: 1,
  command: 'health check',
  status: 'critical',
  startedAt: '2026-03-14T02:00:00.000Z',
  durationMs: 1234.5,
  findings: [{ id: 'wal.reader', severity: 'critical', subject: hostile, message: hostile, hint: hostile }],
  data: { big: 9_007_199_254_740_993n, small: 5n, bytes: new Uint8Array([1, 2]) },
  checks: [
    { id: 'a', group: 'quick', status: 'ok', message: 'fine', durationMs: 10 },
    { id: hostile, group: 'quick', status: 'critical', message: hostile, durationMs: 20 },
    { id: 'c', group: 'daily', status: 'skipped', message: 'too large', durationMs: 0 },
    { id: 'd', group: 'daily', status: 'unknown', message: 'it threw', durationMs: 0 },
    { id: 'e', group: 'daily', status: 'warning', message: 'hm', durationMs: 0 },
  ],
  metrics: [
    { name: 'health_status', type: 'gauge', help: 'Status', value: 2, labels: { check: hostile } },
    { name: 'health_status', type: 'gauge', help: 'Status', value: Number.POSITIVE_INFINITY, labels: { check: 'b' } },
  ],
};

describe('JSON', () => {
  it('keeps large integers exact', () => {
    expect(JSON.parse(renderJson(report)).data).toEqual({ big: '9007199254740993', small: 5, bytes: 'AQI=' });
  });
});

describe('JUnit', () => {
  const xml = renderJunit(report);

  it('counts and maps the states', () => {
    expect(xml).toContain(
      '<testsuites name="tradedb health check" tests="5" failures="1" errors="1" skipped="1" time="1.234">'.replace(
        '1.234',
        (1.2345).toFixed(3),
      ),
    );
    expect(xml).toContain('<testsuite name="quick" tests="2" failures="1" errors="0" skipped="0"');
    expect(xml).toContain('<system-out>warning: hm</system-out>');
  });

  it('is well-formed whatever the texts hold', () => {
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
    const tags = [...xml.matchAll(/<(\/?)([\w-]+)((?: [\w-]+="[^"<]*")*)(\/?)>|<\?[^?]*\?>/g)];
    expect(xml.replace(/<(\/?)([\w-]+)((?: [\w-]+="[^"<]*")*)(\/?)>|<\?[^?]*\?>/g, '')).not.toMatch(/[<>]/);
    const stack: string[] = [];
    for (const [, closing, name, , selfClosing] of tags) {
      if (name === undefined || selfClosing === '/') continue;
      if (closing === '/') expect(stack.pop()).toBe(name);
      else stack.push(name);
    }
    expect(stack).toEqual([]);
  });

  it('makes cases of findings where a report has no checks', () => {
    const { checks: _checks, ...without } = report;
    expect(renderJunit(without)).toContain('failures="1"');
    expect(renderJunit({ ...without, findings: [], status: 'ok' })).toContain('tests="1" failures="0"');
  });
});

describe('markdown', () => {
  it('escapes texts and fences the report', () => {
    const text = renderMarkdown(report, 'a\n```\nb');
    expect(text).toContain('````text\na\n```\nb\n````');
    expect(text).not.toContain('<b>');
    expect(text).not.toContain('\u001b');
  });
});

describe('Prometheus', () => {
  it('writes each family once and escapes labels', () => {
    const text = renderPrometheus(report);
    expect(text.match(/# TYPE tradedb_health_status gauge/g)).toHaveLength(1);
    expect(text).toContain('check="a<b>&\\"c\\" | `d`\\n');
    expect(text).toContain('tradedb_health_status{check="b"} +Inf');
    expect(text).toContain('tradedb_command_last_run_timestamp_seconds{command="health check"} 1773453600');
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) tradedb_\w+ .*|tradedb_\w+(\{.*\})? \S+)$/);
  });
});

describe('tables', () => {
  it('fit the width by cutting flexible columns, and align numbers right', () => {
    const columns = [
      { title: 'NAME', flexible: true },
      { title: 'ROWS', align: 'right' as const },
    ];
    const drawn = table(
      columns,
      [
        ['a-very-long-table-name-that-does-not-fit', '12'],
        ['b', '3,456'],
      ],
      plainStyle(30),
    );
    expect(drawn.split('\n').every((line) => visibleWidth(line) <= 30)).toBe(true);
    expect(drawn).toMatch(/…\s+12$/m);
    expect(drawn).toMatch(/3,456$/m);
  });
});

describe('texts from outside', () => {
  it('never carry control characters to the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
      }),
    );
  });

  it('draw a sparkline for any values', () => {
    expect(sparkline([0, 1, 2, 4, 8])).toBe('▁▁▂▄█');
    expect(sparkline([])).toBe('');
    expect(sparkline([0, 0])).toBe('▁▁');
  });
});
