import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { webhook } from '../../../src/core/alert/channels/webhook.ts';
import { type DeliveryRequest, deliver } from '../../../src/core/alert/deliver.ts';
import { type AlertSettings, lookAtMetrics } from '../../../src/core/alert/look.ts';
import type { Notification } from '../../../src/core/alert/notification.ts';
import { Outbox } from '../../../src/core/alert/outbox.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { testContext } from '../../support/context.ts';
import { type Answer, startReceiver, status } from '../../support/http-receiver.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { badMetrics, walSizeRule } from '../../support/wal-size-rule.ts';

const startMs = Date.UTC(2026, 2, 14, 12);
const hourMs = 3_600_000;
const owner = { pid: process.pid, hostname: 'here' };

function notification(id = 'aa11', createdMs = startMs): Notification {
  const alert = {
    rule: 'wal-size',
    labels: {},
    kind: 'fired',
    severity: 'critical',
    value: 9,
    atMs: createdMs,
  } as const;
  const facts = { database: '/data/trading.db', group: 'default', status: 'firing', severity: 'critical' } as const;
  return { id, createdMs, ...facts, alerts: [alert] };
}

/** A webhook to a receiver, an empty outbox, and a wall clock that the test sets. */
async function setUp(answer: Answer, timeoutMs = 10_000) {
  const receiver = await startReceiver(answer);
  const stateDirectory = temporaryFolder();
  const urlFile = join(stateDirectory, 'url');
  writeFileSync(urlFile, `${receiver.url}/hook\n`);
  const channel = webhook({ urlFile, secretFile: undefined, timeoutMs });
  const request: DeliveryRequest = {
    stateDirectory,
    owner,
    channels: [{ name: 'hook', minSeverity: 'warning', channel }],
  };
  const time = { wallMs: startMs };
  const context = testContext({ clock: { ...systemClock, wallTime: () => time.wallMs } });
  return { ...receiver, urlFile, request, time, context, outbox: new Outbox(stateDirectory, context) };
}

function counts(outbox: Outbox): Record<string, number> {
  const folders = ['pending', 'sent', 'dead'] as const;
  return Object.fromEntries(folders.map((folder) => [folder, outbox.names(folder).length]));
}

describe('delivery to a receiver over HTTP', () => {
  it('moves what was taken to sent, and neither sends nor adds it again', async () => {
    const { outbox, request, context, requests } = await setUp(status(200));
    outbox.add(notification(), 'hook');
    expect(await deliver(request, context)).toEqual({ sent: 1, failed: [] });
    outbox.add(notification(), 'hook');
    expect(await deliver(request, context)).toEqual({ sent: 0, failed: [] });
    expect(counts(outbox)).toEqual({ pending: 0, sent: 1, dead: 0 });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ method: 'POST', path: '/hook' });
  });

  it('tries again after a 500 with the same key and the same body, not before the wait is over', async () => {
    const answer: Answer = (response, request, count) => status(count < 3 ? 500 : 200)(response, request, count);
    const { outbox, request, context, requests, time } = await setUp(answer);
    outbox.add(notification(), 'hook');
    expect(await deliver(request, context)).toEqual({ sent: 0, failed: [{ channel: 'hook', reason: 'answered 500' }] });
    time.wallMs += 29_999;
    expect(await deliver(request, context)).toEqual({ sent: 0, failed: [] });
    time.wallMs += 1;
    expect((await deliver(request, context)).failed).toHaveLength(1);
    // The second wait is twice as long.
    time.wallMs += 59_999;
    expect(await deliver(request, context)).toEqual({ sent: 0, failed: [] });
    time.wallMs += 1;
    expect(await deliver(request, context)).toEqual({ sent: 1, failed: [] });
    expect(requests.map(({ headers }) => headers['idempotency-key'])).toEqual(['aa11', 'aa11', 'aa11']);
    expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
    expect(counts(outbox)).toEqual({ pending: 0, sent: 1, dead: 0 });
  });

  it('gives up waiting for a receiver that never answers, and keeps the notification', async () => {
    const { outbox, request, context, requests } = await setUp(() => {}, 150);
    outbox.add(notification(), 'hook');
    expect((await deliver(request, context)).failed).toEqual([{ channel: 'hook', reason: 'no answer within 150 ms' }]);
    expect(requests).toHaveLength(1);
    const [name = ''] = outbox.names('pending');
    expect(outbox.read('pending', name)).toMatchObject({ attempts: 1, lastError: 'no answer within 150 ms' });
  });

  it.each([301, 302, 307, 308])('does not follow a redirect with %i', async (code) => {
    const other = await startReceiver(status(200));
    const { outbox, request, context } = await setUp(status(code, { Location: `${other.url}/stolen?token=secret` }));
    outbox.add(notification(), 'hook');
    const reason = `answered ${code}, which is not followed`;
    expect((await deliver(request, context)).failed).toEqual([{ channel: 'hook', reason }]);
    expect(other.requests).toEqual([]);
    expect(counts(outbox)).toEqual({ pending: 1, sent: 0, dead: 0 });
  });

  it('does not wait for a body that never ends, whatever the status says', async () => {
    const endless =
      (code: number): Answer =>
      (response) => {
        response.writeHead(code).write('so far');
      };
    const good = await setUp(endless(200));
    good.outbox.add(notification(), 'hook');
    expect(await deliver(good.request, good.context)).toEqual({ sent: 1, failed: [] });
    const bad = await setUp(endless(503));
    bad.outbox.add(notification(), 'hook');
    expect((await deliver(bad.request, bad.context)).failed).toEqual([{ channel: 'hook', reason: 'answered 503' }]);
  });

  it('counts a connection that breaks before the status as failed, and sends again', async () => {
    const answer: Answer = (response, request, count) => {
      if (count === 1) response.socket?.destroy();
      else status(204)(response, request, count);
    };
    const { outbox, request, context, requests, time } = await setUp(answer);
    outbox.add(notification(), 'hook');
    expect((await deliver(request, context)).failed).toEqual([{ channel: 'hook', reason: 'failed: ECONNRESET' }]);
    time.wallMs += 30_000;
    expect(await deliver(request, context)).toEqual({ sent: 1, failed: [] });
    expect(requests.map(({ headers }) => headers['idempotency-key'])).toEqual(['aa11', 'aa11']);
  });

  it.each([
    ['that is no HTTP', 'nonsense\r\n\r\n', 'failed: HPE_INVALID_CONSTANT'],
    [
      'that wants another protocol',
      'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      'failed: connection',
    ],
  ])('counts an answer %s as failed', async (_, answer, reason) => {
    const { outbox, request, context } = await setUp((response) => void response.socket?.write(answer));
    outbox.add(notification(), 'hook');
    expect((await deliver(request, context)).failed).toEqual([{ channel: 'hook', reason }]);
    expect(counts(outbox)).toEqual({ pending: 1, sent: 0, dead: 0 });
  });

  it('leaves a channel that fails alone for the rest of the run, the others not', async () => {
    const { outbox, request, context, requests } = await setUp(status(500));
    const well = await startReceiver(status(200));
    const urlFile = join(request.stateDirectory, 'other-url');
    writeFileSync(urlFile, well.url);
    const channel = webhook({ urlFile, secretFile: undefined, timeoutMs: 10_000 });
    const both = {
      ...request,
      channels: [...request.channels, { name: 'well', minSeverity: 'warning', channel }] as const,
    };
    for (const id of ['bb22', 'cc33']) {
      outbox.add(notification(id), 'hook');
      outbox.add(notification(id), 'well');
    }
    const result = await deliver(both, context);
    expect(result).toEqual({ sent: 2, failed: [{ channel: 'hook', reason: 'answered 500' }] });
    expect(requests).toHaveLength(1);
    expect(well.requests.map(({ headers }) => headers['idempotency-key'])).toEqual(['bb22', 'cc33']);
  });

  it('keeps an interrupted attempt without counting it', async () => {
    const interrupt = new AbortController();
    const { outbox, request, context } = await setUp(() => interrupt.abort());
    outbox.add(notification(), 'hook');
    const { failed } = await deliver(request, { ...context, signal: interrupt.signal });
    expect(failed).toEqual([{ channel: 'hook', reason: 'interrupted' }]);
    const [name = ''] = outbox.names('pending');
    expect(outbox.read('pending', name)).toMatchObject({ attempts: 0, lastError: null });
  });

  it('lets one process send at a time', async () => {
    const { outbox, request, context, requests } = await setUp(status(200));
    outbox.add(notification(), 'hook');
    const results = await Promise.all([deliver(request, context), deliver(request, context)]);
    expect(results.map(({ sent }) => sent).sort()).toEqual([0, 1]);
    expect(requests).toHaveLength(1);
  });
});

describe('giving up', () => {
  it('moves to dead after 24 hours of attempts, and tries again when it is revived', async () => {
    const state = { code: 500 };
    const answer: Answer = (response, request, count) => status(state.code)(response, request, count);
    const { outbox, request, context, requests, time } = await setUp(answer);
    outbox.add(notification(), 'hook');
    while (time.wallMs - startMs <= 24 * hourMs) {
      await deliver(request, context);
      expect(counts(outbox)).toEqual({ pending: 1, sent: 0, dead: 0 });
      time.wallMs += hourMs;
    }
    expect(time.wallMs - startMs).toBe(25 * hourMs);
    await deliver(request, context);
    expect(counts(outbox)).toEqual({ pending: 0, sent: 0, dead: 1 });
    expect(requests).toHaveLength(26);
    state.code = 200;
    expect(await deliver(request, context)).toEqual({ sent: 0, failed: [] });
    outbox.revive();
    expect(await deliver(request, context)).toEqual({ sent: 1, failed: [] });
    expect(counts(outbox)).toEqual({ pending: 0, sent: 1, dead: 0 });
    expect(new Set(requests.map(({ headers }) => headers['idempotency-key']))).toEqual(new Set(['aa11']));
  });

  it('does not give up at once when the clock jumps, nor wait longer when it is set back', async () => {
    const { outbox, request, context, requests, time } = await setUp(status(500));
    outbox.add(notification(), 'hook');
    time.wallMs += 48 * hourMs;
    await deliver(request, context);
    expect(counts(outbox)).toEqual({ pending: 1, sent: 0, dead: 0 });
    time.wallMs = startMs;
    await deliver(request, context);
    expect(requests).toHaveLength(2);
  });
});

describe('a process that is killed', () => {
  const dist = fileURLToPath(new URL('../../../dist', import.meta.url));
  const script = fileURLToPath(new URL('../../support/alert-and-die.mjs', import.meta.url));
  const timing = { waitMs: 0, intervalMs: hourMs, repeatMs: hourMs };
  const common = { rules: [walSizeRule], inhibitions: [], timing, intervalMs: 60_000 };

  const look = { metrics: badMetrics, expects: () => true };

  async function setUpLook(answer: Answer) {
    const world = await setUp(answer);
    const { stateDirectory } = world.request;
    const settings = { ...common, database: join(stateDirectory, 'trading.db'), stateDirectory };
    const start = (step: number): ChildProcess =>
      spawn(
        process.execPath,
        [script, dist, JSON.stringify({ ...settings, urlFile: world.urlFile, metrics: badMetrics }), `${step}`],
        {
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
    /** What the next process does: it looks at the same metrics and delivers what is left. */
    const goOn = async (): Promise<void> => {
      const all: AlertSettings = { ...settings, ...world.request };
      await lookAtMetrics(all, look, testContext());
      await deliver(all, testContext());
    };
    const keys = (): Set<unknown> => new Set(world.requests.map(({ headers }) => headers['idempotency-key']));
    return { ...world, start, goOn, keys };
  }

  it('loses nothing between write, send and move, and never changes the key', async () => {
    const fates = new Set<string>();
    for (let step = 0, killedBy: unknown = 'SIGKILL'; killedBy === 'SIGKILL'; step += 1) {
      const { start, goOn, keys, outbox, requests } = await setUpLook(status(200));
      const [code, signal] = await once(start(step), 'exit');
      killedBy = signal;
      expect(signal ?? code, `step ${step}`).toBe(signal === null ? 0 : 'SIGKILL');
      const { pending, sent } = counts(outbox);
      fates.add(`pending ${pending}, sent ${sent}, received ${requests.length}`);
      await goOn();
      expect(keys().size, `killed before step ${step}`).toBe(1);
      expect(counts(outbox), `killed before step ${step}`).toEqual({ pending: 0, sent: 1, dead: 0 });
    }
    // Not in the outbox yet; written and not sent; sent and not moved; moved.
    expect([...fates]).toEqual([
      'pending 0, sent 0, received 0',
      'pending 1, sent 0, received 0',
      'pending 1, sent 0, received 1',
      'pending 0, sent 1, received 1',
    ]);
  });

  it('sends again with the same key when it dies while the receiver answers', async () => {
    const running: ChildProcess[] = [];
    const world = await setUpLook((response, request, count) => {
      if (count === 1) running[0]?.kill('SIGKILL');
      else status(200)(response, request, count);
    });
    running.push(world.start(-1));
    expect(await once(running[0]!, 'exit')).toEqual([null, 'SIGKILL']);
    expect(counts(world.outbox)).toEqual({ pending: 1, sent: 0, dead: 0 });
    await world.goOn();
    expect(world.requests).toHaveLength(2);
    expect(world.keys().size).toBe(1);
    expect(counts(world.outbox)).toEqual({ pending: 0, sent: 1, dead: 0 });
  });
});

describe('a process without free descriptors', () => {
  it('counts a program that cannot be started as failed, and lives on', async () => {
    const path = (text: string): string => fileURLToPath(new URL(`../../../${text}`, import.meta.url));
    const words = [process.execPath, path('test/support/command-without-descriptors.mjs'), path('dist')];
    const child = spawn('sh', ['-c', 'ulimit -n 64 && exec "$0" "$@"', ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(output).toBe('DeliveryError: cannot be started (EMFILE)');
  });
});

describe('what a crash or a bad disk leaves in the outbox', () => {
  it('an unreadable notification is told and kept, halves of files are cleaned up once they are old', async () => {
    const { outbox, request, context, requests, time } = await setUp(status(200));
    outbox.add(notification(), 'hook');
    const pending = join(request.stateDirectory, 'alerts', 'outbox', 'pending');
    const broken = '000000000000001-bb22-hook.json';
    writeFileSync(join(pending, broken), '{"version":1,"cha');
    const [old, young] = ['a.json.01.partial', 'b.json.02.partial'].map((name) => join(pending, name));
    for (const path of [old, young]) writeFileSync(path ?? '', '{');
    utimesSync(old ?? '', 0, time.wallMs / 1000 - 3600);
    utimesSync(young ?? '', 0, time.wallMs / 1000 - 5);
    const result = await deliver(request, context);
    expect(result.sent).toBe(1);
    expect(result.failed).toMatchObject([{ channel: 'outbox', reason: expect.stringContaining(broken) }]);
    expect(outbox.names('dead')).toEqual([broken]);
    expect([existsSync(old ?? ''), existsSync(young ?? '')]).toEqual([false, true]);
    expect(requests).toHaveLength(1);
  });
});
