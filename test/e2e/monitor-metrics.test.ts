import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Counter, Gauge, Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { renderMetrics } from '../../src/cli/render/prometheus.ts';
import type { MetricsData } from '../../src/commands/monitor/metrics.ts';
import { metricDefinitions } from '../../src/core/monitor/metrics/definitions.ts';
import type { Metric } from '../../src/core/report.ts';
import { startScript } from '../support/background-process.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { ask, startService, untilReady } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const withoutPromtool = !hasPromtool && process.env.CI === undefined;

function promtool(args: readonly string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return status === 0 ? 'good' : `${status}: ${stdout}${stderr}`;
}

describe('monitor metrics', () => {
  it('lists every series once', async () => {
    const result = await tradedb(['monitor', 'metrics', '--json']);
    const { data } = parseReport<MetricsData>(result);
    const names = data.metrics.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(40);
    for (const { name, type, help } of data.metrics) {
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(help).toMatch(/^[A-Z0-9].*\.$/);
    }
    const text = await tradedb(['monitor', 'metrics']);
    for (const name of names) expect(text.stdout).toContain(name);
  });

  it('makes a dashboard for Grafana with a panel for each of them', async () => {
    const file = join(temporaryFolder(), 'tradedb.json');
    expect(await tradedb(['monitor', 'metrics', '--as', 'grafana', '-o', file])).toMatchObject({ code: 0 });
    const dashboard = JSON.parse(readFileSync(file, 'utf8'));
    const panels = dashboard.panels.filter(({ type }: { type: string }) => type === 'timeseries');
    expect(panels).toHaveLength(metricDefinitions().length);
    const ids = dashboard.panels.map(({ id }: { id: number }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name } of metricDefinitions()) expect(JSON.stringify(panels)).toContain(name);
    // No two panels lie on each other.
    const places = dashboard.panels.map(
      ({ gridPos }: { gridPos: { x: number; y: number } }) => `${gridPos.x} ${gridPos.y}`,
    );
    expect(new Set(places).size).toBe(places.length);
  });

  it.skipIf(withoutPromtool)(
    'makes alert rules that promtool accepts, with the limits of the configuration',
    async () => {
      const file = join(temporaryFolder(), 'tradedb.rules.yml');
      const env = { TRADEDB_MONITOR_PINNED_AFTER: '1s' };
      expect(await tradedb(['monitor', 'metrics', '--as', 'rules', '-o', file], { env })).toMatchObject({ code: 0 });
      expect(promtool(['check', 'rules', file])).toBe('good');
      const text = readFileSync(file, 'utf8');
      expect(text).toContain(`tradedb_wal_backlog_bytes >= ${64 * 1024 * 1024}`);
      const known = new Set(metricDefinitions().map(({ name }) => name));
      for (const [name] of text.matchAll(/tradedb_[a-z_]+/g)) expect(known, name).toContain(name);
    },
  );
});

describe('the exposition', () => {
  const values: Metric[] = [
    { name: 'commits_total', type: 'counter', help: 'Commits.', value: 1_234_567, labels: { database: 'a"b\\c\nd' } },
    { name: 'commits_total', type: 'counter', help: 'Commits.', value: 0, labels: { database: 'x{y}"} 1' } },
    { name: 'size', type: 'gauge', help: 'Back\\slash and\nline.', value: 0.1 },
    { name: 'tiny', type: 'gauge', help: 'Small.', value: 1e-9 },
    { name: 'wide', type: 'gauge', help: 'Large.', value: 1.5e21, labels: { a: 'ü', b: '日本' } },
  ];

  it('is what prom-client writes for the same values', async () => {
    const registry = new Registry();
    for (const name of new Set(values.map((value) => value.name))) {
      const same = values.filter((value) => value.name === name);
      const Kind = same[0]?.type === 'counter' ? Counter : Gauge;
      const labelNames = Object.keys(same[0]?.labels ?? {});
      const series = new Kind({
        name: `tradedb_${name}`,
        help: same[0]?.help ?? '',
        labelNames,
        registers: [registry],
      });
      for (const { labels, value } of same) series.inc({ ...labels }, value);
    }
    const bare = (text: string): string[] => text.split('\n').filter((line) => line !== '');
    expect(bare(renderMetrics(values))).toEqual(bare(await registry.metrics()));
  });

  it.skipIf(withoutPromtool)(
    'of a service with hostile names passes promtool, and lists nothing that is not defined',
    async () => {
      const folder = temporaryFolder();
      const path = join(folder, 'trading.db');
      const db = new Database(path);
      onTestFinished(() => void db.close());
      db.pragma('journal_mode = WAL');
      db.exec('CREATE TABLE "ticks""} 1" (a); CREATE TABLE "back\\slash\nline" (a); CREATE TABLE "日本 {}=," (a)');
      await startScript('engine.mjs', [path]);
      const { port } = await startService(['-d', path, '--schedules', 'off', '--rate', '20']);
      await untilReady(port);
      let text = '';
      while (!text.includes('tradedb_query_calls_total')) {
        text = (await ask(port, '/metrics')).body;
        await sleep(100);
      }
      // Names end in units that promtool knows, or it complains.
      expect(promtool(['check', 'metrics'], text)).toBe('good');
      const defined = new Set(metricDefinitions().map(({ name }) => name));
      const exported = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '');
      expect(exported.filter((name) => !defined.has(name))).toEqual([]);
      // Those of jobs and health need schedules: monitor-service has them.
      const missing = [...defined].filter((name) => !exported.includes(name));
      expect(missing.filter((name) => !/^tradedb_(job_|health_|archive_)/.test(name))).toEqual([]);
      const open = await ask(port, '/metrics', { headers: { accept: 'application/openmetrics-text' } });
      expect(open.body).toContain('# TYPE tradedb_commits counter\n');
      expect(open.body).not.toMatch(/^# TYPE \S+_total /m);
      expect(open.body.match(/# EOF/g)).toHaveLength(1);
    },
  );
});
