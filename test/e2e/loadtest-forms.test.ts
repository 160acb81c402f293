import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderReport } from '../../src/cli/render/render.ts';
import { plainStyle } from '../../src/cli/render/style.ts';
import { definition as compare } from '../../src/commands/loadtest/compare.ts';
import type { CompareData } from '../../src/core/loadtest/compare/run-compare.ts';
import type { DurabilityData } from '../../src/core/loadtest/durability/run-durability.ts';
import type { KneeData } from '../../src/core/loadtest/knee/run-knee.ts';
import { createShop } from '../support/bad-inputs.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function shop(): { folder: string; path: string } {
  const folder = temporaryFolder();
  const path = join(folder, 'a "shop".db');
  createShop(path);
  return { folder, path };
}

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const scratchFolders = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('tradedb-'));

/** The settings of a configuration file in `folder`, which the command finds from there. */
function configure(folder: string, loadtest: unknown): void {
  writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ loadtest }));
}

describe('loadtest knee', () => {
  it('a limit that never holds is an open interval and exit 4; the source is untouched', async () => {
    const { folder, path } = shop();
    const before = hashOf(path);
    const search = ['--slo', 'p50 < 1us', '--from-rate', '1500', '--to-rate', '3000', '--precision', '60%'];
    const args = [
      'loadtest',
      'knee',
      '-d',
      path,
      '--scenario',
      'order-read',
      '--threshold',
      'knee.low >= 100',
      ...search,
    ];
    const result = await tradedb([...args, '--json']);
    expect(result.code, result.stderr).toBe(4);
    const { data, findings } = parseReport<KneeData>(result);
    expect(data.interval).toMatchObject({ lowPerSecond: null, lowOpen: true });
    expect(data.trials.every((trial) => !trial.passed)).toBe(true);
    expect(data.thresholds[0]).toMatchObject({ passed: false, actual: null });
    expect(findings.map(({ id }) => id)).toContain('loadtest.knee-below');
    expect(hashOf(path)).toBe(before);
    expect(scratchFolders(folder)).toEqual([]);
  });

  it('a limit that always holds is open at its upper end, exit 3', async () => {
    const { path } = shop();
    const search = ['--slo', 'p50 < 1h', '--from-rate', '600', '--to-rate', '1200', '--precision', '60%'];
    const args = ['loadtest', 'knee', '-d', path, '--scenario', 'order-read', ...search, '--repeats', '1'];
    const result = await tradedb(args);
    expect(result.code, result.stdout + result.stderr).toBe(3);
    expect(result.stdout).toMatch(/^knee {2}above 1,200 per s/);
  });

  it('takes its search from the configuration, writes a page, and annotates for GitHub', async () => {
    const { folder, path } = shop();
    configure(folder, { knee: { slo: 'p50 < 1us', trial: '1s', repeats: 1, precision: '60%', maxLoad: '20s' } });
    const args = [
      'loadtest',
      'knee',
      '-d',
      path,
      '--scenario',
      'order-read',
      '--from-rate',
      '1500',
      '--to-rate',
      '3000',
    ];
    const result = await tradedb([...args, '-f', 'html', '--annotations', 'github'], { cwd: folder });
    expect(result.code, result.stderr).toBe(4);
    expect(result.stderr).toMatch(
      /^::error title=tradedb loadtest knee::p50 < 1us does not hold even at 1500\/s%0Atry: /m,
    );
    expect(result.stdout).toContain('The highest rate that holds p50 &lt; 1us');
    expect(result.stdout).toContain('did not hold');
    expect(result.stdout).not.toMatch(/https?:|<script/);
  });

  it('a configured number of repeats without a majority is refused', async () => {
    const { folder, path } = shop();
    configure(folder, { knee: { repeats: 2 } });
    const result = await tradedb(['loadtest', 'knee', '-d', path], { cwd: folder });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('odd number');
  });

  it.each([
    [['--repeats', '2'], 'odd number'],
    [['--slo', 'p98 < 1ms'], 'no metric'],
    [['--threshold', 'p99 < 1ms'], 'not about the knee'],
    [['--arrivals', 'trace:x'], 'trace has one rate'],
  ])('refuses %j', async (args, message) => {
    const { path } = shop();
    const result = await tradedb(['loadtest', 'knee', '-d', path, ...args]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(message);
  });

  it('SIGINT leaves nothing', async () => {
    const { folder, path } = shop();
    const result = await tradedb(['loadtest', 'knee', '-d', path, '--scenario', 'order-read'], {
      onStart: (child) => {
        const timer = setInterval(() => {
          if (scratchFolders(folder).length === 0) return;
          clearInterval(timer);
          setTimeout(() => child.kill('SIGINT'), 300);
        }, 20);
      },
    });
    expect(result.code).toBe(130);
    expect(scratchFolders(folder)).toEqual([]);
  });
});

const slow = (steps: number): string => `-- transaction: sum  mode: read
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${steps}) SELECT sum(i) FROM n;
`;

describe('loadtest compare', () => {
  it('finds that twice the work is a regression, and stores a baseline that finds the way back', async () => {
    const { folder, path } = shop();
    writeFileSync(join(folder, 'a.sql'), slow(1000));
    writeFileSync(join(folder, 'b.sql'), slow(2000));
    const before = hashOf(path);
    const args = ['loadtest', 'compare', '-d', path, '--pairs', '6', '--slice', '350ms', '--gate', 'cpu', '--json'];
    const stored = join(folder, 'base line.json');
    const worse = await tradedb([...args, 'scenario=a.sql', 'scenario=b.sql', '--save-baseline', stored], {
      cwd: folder,
    });
    expect(worse.code, worse.stderr).toBe(4);
    const { data } = parseReport<CompareData>(worse);
    expect(data.verdict).toBe('regression');
    expect(data.differingKeys).toEqual(['scenario']);
    expect(data.pairs).toHaveLength(6);
    expect(data.metrics.find(({ name }) => name === 'cpu')?.medianRatio).toBeGreaterThan(1.5);
    const back = await tradedb([...args, '--baseline', stored, 'scenario=a.sql'], { cwd: folder });
    expect(back.code, back.stderr).toBe(0);
    expect(parseReport<CompareData>(back).data).toMatchObject({ verdict: 'improvement', seed: data.seed });
    expect(hashOf(path)).toBe(before);
    expect(scratchFolders(folder)).toEqual([]);
  }, 120_000);

  it('what cannot be told is said to be so in every format, and exit 4 when asked for', async () => {
    const { folder, path } = shop();
    writeFileSync(
      join(folder, 'tradedb.config.json'),
      JSON.stringify({ loadtest: { variants: { same: { group: 1 } } } }),
    );
    const args = ['loadtest', 'compare', '-d', path, '--scenario', 'order-read', '--pairs', '6', '--gate', 'cpu'];
    // No measurement resolves a hundred-thousandth.
    const strict = ['same', 'group=1', '--detect', '0.001%', '--floor', '90%', '--slice', '350ms', '--json'];
    const unresolved = await tradedb([...args, ...strict, '--fail-on', 'unresolved'], { cwd: folder });
    expect(unresolved.code, unresolved.stderr).toBe(4);
    const report = parseReport<CompareData>(unresolved);
    expect(report.data.verdict).toBe('unresolved');
    expect(report.status).not.toBe('ok');
    const junit = await renderReport(report, 'junit', plainStyle(100));
    expect(junit).toMatch(/tests="1" failures="0" errors="0" skipped="1"/);
    for (const format of ['text', 'markdown', 'html'] as const) {
      const rendered = await renderReport(report, format, plainStyle(100));
      expect(rendered, format).toContain('cannot resolve');
      expect(rendered, format).not.toMatch(/no change/);
    }
    expect(compare.exitCode?.(report, { options: { failOn: 'regression' } as never })).toBe(3);
  });

  it('runs another version of tradedb beside this one', async () => {
    const { folder, path } = shop();
    const old = join(folder, "old 'version'");
    mkdirSync(join(old, 'bin'), { recursive: true });
    writeFileSync(join(old, 'package.json'), JSON.stringify({ name: 'tradedb', version: '0.0.9' }));
    const launcher = new URL('../../bin/tradedb.js', import.meta.url).href;
    const marker = join(folder, 'starts');
    // It notes each start, and then is the program under test.
    writeFileSync(
      join(old, 'bin', 'tradedb.js'),
      `require('node:fs').appendFileSync(${JSON.stringify(marker)}, 'x'); import(${JSON.stringify(launcher)});`,
    );
    const before = hashOf(path);
    const args = ['loadtest', 'compare', '-d', path, '--scenario', 'order-read', '--program', old];
    const result = await tradedb([...args, '--pairs', '6', '--slice', '350ms', '--gate', 'cpu', '--json'], {
      cwd: folder,
    });
    expect([0, 3, 4], result.stderr).toContain(result.code);
    const { data } = parseReport<CompareData>(result);
    expect(data.variants.map(({ version }) => version)).toEqual(['0.0.9', expect.not.stringMatching('0.0.9')]);
    expect(data.differingKeys).toEqual(['program']);
    expect(data.pairs.every(({ a, b }) => a.cpuUs > 0 && b.cpuUs > 0)).toBe(true);
    expect(data.environment.node).toBe(process.version);
    // The calibration and six slices.
    expect(readFileSync(marker, 'utf8')).toBe('x'.repeat(7));
    expect(hashOf(path)).toBe(before);
    expect(scratchFolders(folder)).toEqual([]);
  }, 120_000);

  it('refuses a baseline of another environment, and of another version without its program', async () => {
    const { folder, path } = shop();
    const stored = join(folder, 'baseline.json');
    const args = ['loadtest', 'compare', '-d', path, '--scenario', 'order-read', '--slice', '350ms'];
    const made = await tradedb(
      [...args, 'default', 'group=1', '--pairs', '6', '--gate', 'cpu', '--save-baseline', stored, '-f', 'html'],
      { cwd: folder },
    );
    expect([0, 3, 4], made.stderr).toContain(made.code);
    expect(made.stdout).toContain('Change of B over A');
    expect(made.stdout).not.toMatch(/https?:|<script/);
    const good = JSON.parse(readFileSync(stored, 'utf8'));
    const refused = async (environment: Record<string, unknown>) => {
      writeFileSync(stored, JSON.stringify({ ...good, environment: { ...good.environment, ...environment } }));
      const result = await tradedb([...args, '--baseline', stored, 'default'], { cwd: folder });
      expect(result.code, result.stderr).toBe(2);
      expect(scratchFolders(folder)).toEqual([]);
      return result.stderr;
    };
    expect(await refused({ cpuModel: 'abacus', cores: 1 })).toMatch(
      /another environment: processor abacus, here .*; cores 1, here/,
    );
    const version = await refused({ tradedb: '0.0.9' });
    expect(version).toContain('tradedb 0.0.9, here');
    expect(version).toContain('--program');
  }, 120_000);

  it.each([
    [['default'], 'needs two sides'],
    [['default', 'group=2', '--program', '.'], 'no version of tradedb'],
    [['--program', 'nowhere'], 'does not exist'],
    [['default', 'speed=9'], 'not possible'],
    [['default', 'durability'], 'no key=value'],
    [['default', 'group=2', '--pairs', '5'], 'could ever be significant'],
    [['default', 'group=2', '--gate', 'p98'], '--gate knows'],
    [['--baseline', 'tradedb.config.json', 'default'], 'no baseline'],
    [['nowhere.json', 'default'], 'does not exist'],
  ])('refuses %j', async (args, message) => {
    const { folder, path } = shop();
    writeFileSync(join(folder, 'tradedb.config.json'), '{}');
    const result = await tradedb(['loadtest', 'compare', '-d', path, ...args], { cwd: folder });
    expect([2, 10]).toContain(result.code);
    expect(result.stderr).toContain(message);
  });
});

describe('loadtest durability', () => {
  it('kills, tears and reports; nothing stays', async () => {
    const folder = temporaryFolder();
    const args = ['loadtest', 'durability', '--cycles', '2', '--cuts', '12', '--transactions', '60', '--seed', '5'];
    const result = await tradedb([...args, '--scratch-dir', folder, '--json'], { cwd: folder });
    const { data } = parseReport<DurabilityData>(result);
    expect(['ok', 'incomplete'], JSON.stringify(data.methods)).toContain(data.verdict);
    expect(result.code).toBe(data.verdict === 'ok' ? 0 : 3);
    expect(data.methods[0]).toMatchObject({ method: 'kill', cycles: 2, verdict: 'ok' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes its method from the configuration, and writes a page', async () => {
    const folder = temporaryFolder();
    configure(folder, { durability: { method: 'kill', cycles: 1, control: false } });
    const result = await tradedb(['loadtest', 'durability', '-f', 'html', '--scratch-dir', folder], { cwd: folder });
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toContain('<td>kill</td>');
    expect(result.stdout).toContain('1 kill');
    expect(result.stdout).toContain(`Node ${process.version}`);
    expect(result.stdout).not.toContain('write-log');
    expect(existsSync(join(folder, 'tradedb.config.json'))).toBe(true);
  });

  it('a scratch folder that is not there is told in one line', async () => {
    const result = await tradedb(['loadtest', 'durability', '--scratch-dir', '/nowhere/at all']);
    expect(result.code).toBe(10);
    expect(result.stderr).toContain('--scratch-dir');
  });
});
