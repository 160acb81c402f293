import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AlertsData } from '../../src/core/alert/alerts-data.ts';
import type { HealthData } from '../../src/core/health/health-data.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { makeSoundDatabase } from '../support/sound-database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const moduleList = new URL('../support/module-list.mjs', import.meta.url);
const secret = 'T0P-secret-token';

interface Told {
  readonly id: string;
  readonly status: string;
  readonly severity: string;
  readonly alerts: readonly {
    readonly rule: string;
    readonly kind: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
}

interface Home {
  readonly folder: string;
  readonly database: string;
  readonly state: string;
  run(...args: readonly string[]): Promise<CliResult>;
  configure(sections: Readonly<Record<string, unknown>>): void;
  /** What the file channel got so far. */
  told(): Told[];
}

/** A folder as an operator has it: configuration, database, a file that takes the notifications. */
function home(alerts: Readonly<Record<string, unknown>> = {}, others: Readonly<Record<string, unknown>> = {}): Home {
  const folder = temporaryFolder();
  const database = join(folder, 'trading.db');
  makeSoundDatabase(database);
  const log = join(folder, 'told.jsonl');
  const configure = (sections: Readonly<Record<string, unknown>>): void => {
    const base = { database: { path: 'trading.db' }, state: { directory: 'state' } };
    writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify({ ...base, ...sections }));
  };
  configure({ ...others, alerts: { groupInterval: '0s', channels: { log: { type: 'file', path: log } }, ...alerts } });
  return {
    folder,
    database,
    state: join(folder, 'state'),
    run: (...args) => tradedb(args, { cwd: folder }),
    configure,
    told: () =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as Told)
        : [],
  };
}

const lateBackup = { health: { lastRunMax: { backup: '26h' } } };
const kindsOf = (told: readonly Told[]): string[] => told.flatMap(({ alerts }) => alerts.map(({ kind }) => kind));

describe('an alert', () => {
  test('is told once over runs, is listed, and is told again when it has ended', async () => {
    const { run, told } = home({}, lateBackup);
    const first = await run('health', '--notify', '--json');
    expect(first.code).toBe(4);
    expect(parseReport<HealthData>(first).data.alerts).toEqual({ firing: 1, pending: 0, queued: 0 });
    await run('health', '--notify');
    expect(told()).toHaveLength(1);
    const alert = { rule: 'health', kind: 'fired', severity: 'critical', labels: { check: 'job.age.backup' } };
    expect(told()[0]).toMatchObject({ status: 'firing', severity: 'critical', alerts: [alert] });

    const listed = await run('monitor', 'alerts', '--rules', '--history', '1h', '--exit-code', '--json');
    expect(listed.code).toBe(4);
    const { data, status } = parseReport<AlertsData>(listed);
    expect(status).toBe('critical');
    expect(data.alerts[0]).toMatchObject({ rule: 'health', state: 'firing', firing: true, severity: 'critical' });
    expect(data.history?.map(({ kind }) => kind)).toEqual(['fired']);
    expect(data.rules?.map(({ id }) => id)).toContain('unreachable');
    const text = await run('monitor', 'alerts', '--exit-code');
    expect(text.code).toBe(4);
    expect(text.stdout).toMatch(/^trading\.db {3}1 firing, 0 pending, \d+ watched$/m);
    expect(text.stdout).toMatch(/firing +critical +health .* check=job\.age\.backup/);

    expect((await run('backup')).code).toBe(0);
    expect((await run('health', '--notify', '--quiet')).code).toBe(0);
    expect(kindsOf(told())).toEqual(['fired', 'resolved']);
    expect(told()[1]?.status).toBe('resolved');
    expect(new Set(told().map(({ id }) => id)).size).toBe(2);
    expect((await run('monitor', 'alerts', '--exit-code')).code).toBe(0);
  });

  test('of a database that is not there: the error stays, people hear of it, and of its return', async () => {
    const { run, told, database } = home();
    renameSync(database, `${database}.away`);
    const result = await run('health', '--notify', '--json');
    expect(result.code).toBe(10);
    expect(parseError(result).code).toBe('database_not_found');
    expect((await run('health', '--notify', '--nagios')).code).toBe(2);
    expect(told()).toHaveLength(1);
    expect(told()[0]).toMatchObject({ severity: 'critical', alerts: [{ rule: 'unreachable', kind: 'fired' }] });
    renameSync(`${database}.away`, database);
    expect((await run('health', '--notify')).code).toBe(0);
    expect(kindsOf(told())).toEqual(['fired', 'resolved']);
  });
});

describe('a silence', () => {
  test('keeps an alert from people until it is ended', async () => {
    const { run, told } = home({}, lateBackup);
    const wish = ['--silence', 'rule=health,check=job.*', '--for', '2h', '--comment', 'no backups here yet'];
    const made = parseReport<AlertsData>(await run('monitor', 'alerts', ...wish, '--json')).data.silences;
    expect(made).toMatchObject([{ matcher: 'rule=health,check=job.*', comment: 'no backups here yet' }]);
    expect((await run('health', '--notify')).code).toBe(4);
    expect(told()).toEqual([]);
    const { data } = parseReport<AlertsData>(await run('monitor', 'alerts', '--json'));
    expect(data.alerts[0]).toMatchObject({ firing: true, silencedUntil: made[0]?.end });
    expect((await run('monitor', 'alerts', '--unsilence', made[0]?.id ?? '')).code).toBe(0);
    await run('health', '--notify');
    expect(kindsOf(told())).toEqual(['fired']);
  });

  test.each([
    ['of 8 days', ['--silence', '*', '--for', '8d', '--comment', 'long'], /at most 7 days/],
    ['without a reason', ['--silence', '*', '--for', '1h'], /needs a comment/],
    ['of something else', ['--silence', 'wal', '--for', '1h', '--comment', 'x'], /not a matcher/],
  ])('%s is refused', async (_, args, message) => {
    const { run, state } = home();
    const result = await run('monitor', 'alerts', ...args, '--json');
    expect(result.code).toBe(2);
    expect(parseError(result).message).toMatch(message);
    expect(existsSync(join(state, 'alerts'))).toBe(false);
  });
});

describe('channels', () => {
  test('--test sends one notification to the named one, past the outbox', async () => {
    const { run, told } = home();
    const result = await run('monitor', 'alerts', '--test', 'log', '--json');
    expect(result.code).toBe(0);
    expect(parseReport<AlertsData>(result).data.delivery).toEqual({ sent: 1, failed: [] });
    expect(told()).toMatchObject([{ status: 'firing', alerts: [{ rule: 'test' }] }]);
    const unknown = await run('monitor', 'alerts', '--test', 'pager', '--json');
    expect(unknown.code).toBe(2);
    expect(parseError(unknown).hint).toBe('channels: log');
  });

  test('what one does not take waits for it; no address and no key is shown or kept', async () => {
    const { folder, run, state } = home(
      {
        channels: { hook: { type: 'webhook', urlFile: 'hook.url', secretFile: 'hook.key' } },
        heartbeats: { health: { urlFile: 'hook.url' } },
      },
      lateBackup,
    );
    // Port 9 (discard): nobody listens.
    writeFileSync(join(folder, 'hook.url'), `http://user:${secret}@127.0.0.1:9/${secret}?key=${secret}\n`);
    writeFileSync(join(folder, 'hook.key'), `${secret}\n`);
    const results = [
      await run('health', '--notify', '--verbose', '--json'),
      await run('monitor', 'alerts', '--test', 'hook', '--verbose'),
      await run('monitor', 'alerts', '--flush', '--json'),
      await run('config', 'show', '--json'),
    ];
    expect(results.map(({ code }) => code)).toEqual([4, 1, 1, 0]);
    expect(parseReport<HealthData>(results[0] as CliResult).data.alerts).toMatchObject({ firing: 1, queued: 1 });
    const { data } = parseReport<AlertsData>(results[2] as CliResult);
    expect(data.outbox).toEqual({ pending: 1, dead: 0, errors: { hook: 'failed: ECONNREFUSED' } });
    for (const { stdout, stderr } of results) expect(stdout + stderr).not.toContain(secret);
    for (const entry of readdirSync(state, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) expect(readFileSync(join(entry.parentPath, entry.name), 'utf8')).not.toContain(secret);
    }
  });
});

describe('the health report', () => {
  const ruin: Record<string, (state: string) => void> = {
    'be locked': (state) => {
      rmSync(join(state, 'leases'), { recursive: true, force: true });
      writeFileSync(join(state, 'leases'), 'a file where the folder belongs');
    },
    'be read': (state) => {
      for (const name of readdirSync(join(state, 'alerts')).filter((file) => file.endsWith('.json')))
        writeFileSync(join(state, 'alerts', name), '{"version":');
    },
    'be written': (state) => {
      rmSync(join(state, 'alerts'), { recursive: true });
      writeFileSync(join(state, 'alerts'), 'a file where the folder belongs');
    },
  };

  test.each(Object.keys(ruin))('outlives an alert state that cannot %s', async (what) => {
    const { run, state, told } = home();
    expect((await run('health', '--notify')).code).toBe(0);
    ruin[what]?.(state);
    const result = await run('health', '--notify', '--json');
    expect(result.code).toBe(3);
    const { data, findings } = parseReport<HealthData>(result);
    expect(data.checks.length).toBeGreaterThan(10);
    expect(data.alerts).toBeUndefined();
    expect(findings.filter(({ severity }) => severity !== 'info')).toMatchObject([
      { id: 'alerts.state', severity: 'warning' },
    ]);
    const late = await run('health', '--notify', '--last-run-max', 'backup=26h', '--quiet');
    expect(late.code).toBe(4);
    expect(late.stdout).toMatch(/^ {2}warning {2}alerts were not evaluated or sent: /m);
    expect(late.stderr).toContain('alerts were not evaluated or sent');
    expect(told()).toEqual([]);
  });

  test('the heartbeat begins with every run, and fails when alerts cannot be evaluated', async () => {
    const { folder, run, state } = home({ heartbeats: { health: { urlFile: 'ping.url' } } });
    const pings: (string | undefined)[] = [];
    const server = createServer(({ url }, answer) => {
      pings.push(url);
      answer.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.close();
    });
    writeFileSync(join(folder, 'ping.url'), `http://127.0.0.1:${(server.address() as AddressInfo).port}/p\n`);
    await run('health', '--notify');
    expect(pings.splice(0)).toEqual(['/p/start', '/p']);
    ruin['be written']?.(state);
    await run('health', '--notify');
    expect(pings).toEqual(['/p/start', '/p/fail']);
  });

  test('an unusable alert state does not hide why the database could not be checked', async () => {
    const { run, state, database } = home();
    rmSync(database);
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'alerts'), 'a file where the folder belongs');
    const result = await run('health', '--notify', '--json');
    expect(result.code).toBe(10);
    expect(parseError(result).code).toBe('database_not_found');
  });

  test('rules that cannot be used are refused before anything is checked', async () => {
    const { run, state } = home({ rules: [{ id: 'own', expr: 'wal_backlog_bytes' }] });
    const result = await run('health', '--notify', '--json');
    expect(parseError(result)).toMatchObject({ code: 'config_invalid' });
    expect(parseError(result).message).toContain('alerts.rules: "own"');
    expect(existsSync(state)).toBe(false);
  });

  test('--last-run-max: critical without a run, well after one', async () => {
    const { run } = home();
    const before = await run('health', '--last-run-max', 'health=1h', '--last-run-max', 'daily=7d', '--json');
    expect(before.code).toBe(4);
    const rows = parseReport<HealthData>(before).data.checks.filter(({ id }) => id.startsWith('job.age.'));
    expect(rows.map(({ id, status }) => [id, status])).toEqual([
      ['job.age.health', 'critical'],
      ['job.age.daily', 'critical'],
    ]);
    expect((await run('health', '--tier', 'daily')).code).toBe(0);
    const after = await run('health', '--last-run-max', 'health=1h', '--last-run-max', 'daily=7d', '--json');
    expect(after.code).toBe(0);
    expect(parseReport<HealthData>(after).status).toBe('ok');
    const optimized = async (): Promise<unknown> =>
      (await run('health', '--only', 'file.kind', '--last-run-max', 'optimize=1d', '--json')).code;
    expect(await optimized()).toBe(4);
    expect((await run('vacuum', 'optimize')).code).toBe(0);
    expect(await optimized()).toBe(0);
    const wrong = await run('health', '--last-run-max', 'coffee=1h', '--json');
    expect(wrong.code).toBe(2);
    expect(parseError(wrong).hint).toContain('jobs: backup, health, daily, deep, verify, drill');
  });

  test('without --notify no module of the alert room is loaded, with it some are', async () => {
    const { folder } = home();
    const modules = async (...args: string[]): Promise<string[]> => {
      const list = join(folder, 'modules.txt');
      writeFileSync(list, '');
      const env = { NODE_OPTIONS: `--import=${moduleList.href}`, LOADED_MODULES: list };
      expect((await tradedb(['health', ...args], { cwd: folder, env })).code).toBe(0);
      return readFileSync(list, 'utf8').split('\n');
    };
    const ofAlerts = (url: string): boolean => /\/core\/alert\/|\/health\/notify|\/monitor\/alert/.test(url);
    expect((await modules()).filter(ofAlerts)).toEqual([]);
    expect((await modules('--notify')).filter(ofAlerts).length).toBeGreaterThan(3);
  });
});
