import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Channel, DeliveryError } from '../../../src/core/alert/channels/channel.ts';
import { makeChannel } from '../../../src/core/alert/channels/make-channel.ts';
import { deliver } from '../../../src/core/alert/deliver.ts';
import { ping } from '../../../src/core/alert/heartbeat.ts';
import { lookAtMetrics } from '../../../src/core/alert/look.ts';
import { type Notification, toJson } from '../../../src/core/alert/notification.ts';
import { sendTest } from '../../../src/core/alert/send-test.ts';
import type { Config } from '../../../src/core/config/schema.ts';
import { testContext } from '../../support/context.ts';
import { startReceiver, status } from '../../support/http-receiver.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { badMetrics, walSizeRule } from '../../support/wal-size-rule.ts';

type ChannelSettings = Config['alerts']['channels'][string];

const createdMs = Date.UTC(2026, 2, 14, 12, 30);
const base = { minSeverity: 'warning', timeout: 10_000 } as const;
const context = testContext();
const secret = 'hunter2-s3cr3t';

function notification(parts: Partial<Notification> = {}, text = 'wal'): Notification {
  const alert = { rule: 'wal-size', labels: { table: text }, kind: 'fired', severity: 'critical', value: 9 } as const;
  const facts = { database: '/data/trading.db', group: 'default', status: 'firing', severity: 'critical' } as const;
  const alerts = [{ ...alert, atMs: createdMs, runbook: 'docs/wal.md' }];
  return { id: 'aa11', createdMs, ...facts, alerts, ...parts };
}

/** A channel as the configuration makes it, in a folder of its own. */
function channelIn(folder: string, settings: ChannelSettings, environment: Record<string, string> = {}): Channel {
  return makeChannel(settings, { resolve: (path) => join(folder, path), hostname: 'desk 7', environment });
}

async function reasonOf(sending: Promise<void>): Promise<string> {
  const error = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DeliveryError);
  return (error as DeliveryError).message;
}

describe('webhook', () => {
  it('posts the notification with a signature that the receiver can verify', async () => {
    const receiver = await startReceiver(status(200));
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'url'), `${receiver.url}/hook?a=1\n`);
    writeFileSync(join(folder, 'key'), `${secret}\n`);
    const hook = channelIn(folder, { type: 'webhook', urlFile: 'url', secretFile: 'key', ...base });
    await hook.send(notification({}, 'Börse "€"\n'), context);
    const [request] = receiver.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/hook?a=1' });
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': 'aa11',
      'content-length': String(Buffer.byteLength(request?.body ?? '')),
      'x-tradedb-signature': `sha256=${createHmac('sha256', secret)
        .update(request?.body ?? '')
        .digest('hex')}`,
    });
    expect(JSON.parse(request?.body ?? '')).toEqual({
      schemaVersion: 1,
      id: 'aa11',
      database: '/data/trading.db',
      group: 'default',
      status: 'firing',
      severity: 'critical',
      createdAt: '2026-03-14T12:30:00.000Z',
      alerts: [
        {
          rule: 'wal-size',
          labels: { table: 'Börse "€"\n' },
          kind: 'fired',
          severity: 'critical',
          value: 9,
          at: '2026-03-14T12:30:00.000Z',
          runbook: 'docs/wal.md',
        },
      ],
    });
  });

  it('signs nothing without a key, and reads a changed address at once', async () => {
    const [first, second] = [await startReceiver(status(200)), await startReceiver(status(200))];
    const folder = temporaryFolder();
    const hook = channelIn(folder, { type: 'webhook', urlFile: 'url', ...base });
    for (const { url } of [first, second]) {
      writeFileSync(join(folder, 'url'), url);
      await hook.send(notification(), context);
    }
    expect([first.requests.length, second.requests.length]).toEqual([1, 1]);
    expect(first.requests[0]?.headers['x-tradedb-signature']).toBeUndefined();
  });
});

describe('slack', () => {
  it('posts a text in which nothing from a database is markup', async () => {
    const receiver = await startReceiver(status(200));
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'url'), `${receiver.url}/services/T0/B0/X`);
    const hostile = notification({ database: '/data/<!channel>&.db' }, '<https://evil|click>');
    await channelIn(folder, { type: 'slack', urlFile: 'url', ...base }).send(hostile, context);
    const [request] = receiver.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/services/T0/B0/X' });
    expect(request?.headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': 'aa11' });
    const alert = 'wal-size {table=&lt;https://evil|click&gt;}';
    expect(JSON.parse(request?.body ?? '')).toEqual({
      text: `*CRITICAL &lt;!channel&gt;&amp;.db: ${alert}*\n• ${alert}: is bad (critical, value 9); see docs/wal.md`,
    });
  });
});

describe('command', () => {
  /** Writes what it got into a file, and ends with 0. */
  const recorder = `
    const { readFileSync, writeFileSync } = require('node:fs');
    const { env, argv } = process;
    const got = { words: argv.slice(2), env, stdin: readFileSync(0, 'utf8'), folder: process.cwd() };
    writeFileSync(argv[2], JSON.stringify(got));`;

  async function record(sent: Notification, words: readonly string[], environment: Record<string, string> = {}) {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'recorder.cjs'), recorder);
    const settings: ChannelSettings = {
      type: 'command',
      command: [process.execPath, 'recorder.cjs', 'got.json', ...words],
      ...base,
    };
    await channelIn(folder, settings, environment).send(sent, context);
    const got = JSON.parse(readFileSync(join(folder, 'got.json'), 'utf8')) as {
      words: string[];
      env: Record<string, string>;
      stdin: string;
      folder: string;
    };
    return { ...got, files: readdirSync(folder).sort() };
  }

  it('gives arguments, environment and stdin to the program', async () => {
    const sent = notification();
    const got = await record(sent, ['--to', 'on call'], { PATH: '/usr/bin' });
    expect(got.words).toEqual(['got.json', '--to', 'on call']);
    expect(got.stdin).toBe(`${toJson(sent)}\n`);
    expect(got.env).toMatchObject({
      PATH: '/usr/bin',
      TRADEDB_ALERT_ID: 'aa11',
      TRADEDB_ALERT_DATABASE: '/data/trading.db',
      TRADEDB_ALERT_GROUP: 'default',
      TRADEDB_ALERT_STATUS: 'firing',
      TRADEDB_ALERT_SEVERITY: 'critical',
      TRADEDB_ALERT_TITLE: 'CRITICAL trading.db: wal-size {table=wal}',
      TRADEDB_ALERT_TEXT: 'wal-size {table=wal}: is bad (critical, value 9); see docs/wal.md',
    });
  });

  it('passes nothing else of its own environment on', async () => {
    process.env.TRADEDB_TEST_PASSWORD = secret;
    onTestFinished(() => void delete process.env.TRADEDB_TEST_PASSWORD);
    expect(JSON.stringify((await record(notification(), [])).env)).not.toContain(secret);
  });

  it.each([
    '$(touch owned)',
    '`touch owned`',
    "'; touch owned; '",
    '" && touch owned "',
    '| touch owned\n#',
    '%PATH% *',
  ])('runs no shell over %j', async (text) => {
    const sent = notification({ database: `/data/${text}` }, text);
    const got = await record(sent, [text]);
    expect(got.words).toEqual(['got.json', text]);
    expect(got.env.TRADEDB_ALERT_DATABASE).toBe(`/data/${text}`);
    expect(got.env.TRADEDB_ALERT_TEXT).toContain(text);
    expect(got.files).toEqual(['got.json', 'recorder.cjs']);
  });

  it('starts the program although a text holds a NUL, which no environment can', async () => {
    const sent = notification({}, 'a\0b');
    const got = await record(sent, []);
    expect(got.env.TRADEDB_ALERT_TEXT).toContain('{table=a b}');
    expect(got.stdin).toBe(`${toJson(sent)}\n`);
  });

  it('starts the program although the text is longer than an environment can be', async () => {
    const [alert] = notification().alerts;
    const sent = notification({ alerts: Array.from({ length: 5000 }, () => alert!) });
    const got = await record(sent, []);
    expect(JSON.parse(got.stdin).alerts).toHaveLength(5000);
    expect(got.env.TRADEDB_ALERT_TEXT?.startsWith('wal-size {table=wal}: is bad')).toBe(true);
  });

  it.each([
    ['a status', ['-e', 'process.exit(3)'], 'ended with 3'],
    ['a signal', ['-e', 'process.kill(process.pid, "SIGTERM")'], 'was ended by SIGTERM'],
  ])('fails by %s', async (_, words, reason) => {
    const settings: ChannelSettings = { type: 'command', command: [process.execPath, ...words], ...base };
    expect(await reasonOf(channelIn(temporaryFolder(), settings).send(notification(), context))).toBe(reason);
  });

  it.each([
    ['that is not there', ['no-such-program-here'], 'ENOENT'],
    ['below a file', ['/etc/passwd/x'], 'ENOTDIR'],
    ['that is a folder', ['/'], 'EACCES'],
    ['with a NUL in an argument', [process.execPath, 'a\0b'], 'ERR_INVALID_ARG_VALUE'],
  ])('fails with a program %s', async (_, command, code) => {
    const sending = channelIn(temporaryFolder(), { type: 'command', command, ...base }).send(notification(), context);
    expect(await reasonOf(sending)).toBe(`cannot be started (${code})`);
  });

  it('ends a program that takes too long', async () => {
    const words = ['-e', 'setInterval(() => {}, 1000)'];
    const settings: ChannelSettings = { type: 'command', command: [process.execPath, ...words], ...base, timeout: 200 };
    const sending = channelIn(temporaryFolder(), settings).send(notification(), context);
    expect(await reasonOf(sending)).toBe('did not end within 200 ms');
  });

  it('does not mind a program that never reads its input', async () => {
    const sent = notification({}, 'x'.repeat(50_000));
    const settings: ChannelSettings = { type: 'command', command: [process.execPath, '-e', '0'], ...base };
    await expect(channelIn(temporaryFolder(), settings).send(sent, context)).resolves.toBeUndefined();
  });
});

describe('syslog', () => {
  const grammar =
    /^<(\d{1,3})>1 (\S+) ([\x21-\x7e]{1,255}) tradedb - alert \[alert@32473((?: [a-z]+="(?:[^"\\\]]|\\["\\\]])*")+)\] \ufeff(.*)$/su;

  async function receive(sent: Notification): Promise<Buffer> {
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const datagram = new Promise<Buffer>((resolve) => socket.once('message', resolve));
    const settings: ChannelSettings = {
      type: 'syslog',
      host: '127.0.0.1',
      port: socket.address().port,
      minSeverity: 'warning',
    };
    await channelIn(temporaryFolder(), settings).send(sent, context);
    return datagram;
  }

  it.each([
    ['critical', { severity: 'critical' }, 3 * 8 + 2],
    ['warning', { severity: 'warning' }, 3 * 8 + 4],
    ['resolved', { status: 'resolved' }, 3 * 8 + 5],
  ] as const)('sends one datagram of RFC 5424: %s', async (_, parts, priority) => {
    const fields = grammar.exec((await receive(notification(parts))).toString());
    expect(fields?.slice(1, 4)).toEqual([String(priority), '2026-03-14T12:30:00.000Z', 'desk_7']);
    const { status: state } = notification(parts);
    expect(fields?.[4]).toBe(` id="aa11" database="/data/trading.db" group="default" status="${state}"`);
    expect(fields?.[5]).toContain('wal-size {table=wal}');
  });

  it('escapes what has a meaning, and keeps one line', async () => {
    const sent = notification({ database: '/data/"]\\\n<1>1.db' }, 'a\r\n<0>1 fake');
    const fields = grammar.exec((await receive(sent)).toString());
    expect(fields?.[4]).toContain(' database="/data/\\"\\]\\\\ <1>1.db"');
    expect(fields?.[5]).toMatch(/^[^\r\n\0]+$/);
  });

  it.each([
    ['text', notification({}, 'ü'.repeat(5000))],
    ['path', notification({ database: `/${'ü]'.repeat(2000)}.db` })],
  ])('stays a whole message of at most 2000 bytes with a long %s', async (_, sent) => {
    const bytes = await receive(sent);
    expect(bytes.length).toBeLessThanOrEqual(2000);
    expect(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)).toMatch(grammar);
  });
});

describe('file', () => {
  it('appends one line per notification', async () => {
    const folder = temporaryFolder();
    const log = channelIn(folder, { type: 'file', path: 'alerts "1".jsonl', minSeverity: 'warning' });
    writeFileSync(join(folder, 'alerts "1".jsonl'), 'earlier\n');
    const sent = [notification({ id: 'a' }, 'one\ntwo'), notification({ id: 'b' })];
    for (const one of sent) await log.send(one, context);
    const text = readFileSync(join(folder, 'alerts "1".jsonl'), 'utf8');
    expect(text).toBe(`earlier\n${sent.map((one) => `${toJson(one)}\n`).join('')}`);
  });

  it('says why it could not', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'log'));
    const sending = channelIn(folder, { type: 'file', path: 'log', minSeverity: 'warning' }).send(
      notification(),
      context,
    );
    expect(await reasonOf(sending)).toMatch(/^cannot append to ".*log" \(EISDIR\)$/);
  });
});

describe('heartbeat', () => {
  it('pings the address for success, and below it for start and fail', async () => {
    const receiver = await startReceiver(status(200));
    const urlFile = join(temporaryFolder(), 'url');
    for (const path of ['/ping/1?rid=2', '/ping/1/?rid=2']) {
      writeFileSync(urlFile, `${receiver.url}${path}\n`);
      for (const event of ['start', 'success', 'fail'] as const) {
        expect(await ping({ urlFile, timeoutMs: 10_000 }, event, context)).toBeUndefined();
      }
    }
    expect(receiver.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /ping/1/start?rid=2',
      'POST /ping/1?rid=2',
      'POST /ping/1/fail?rid=2',
      'POST /ping/1/start?rid=2',
      'POST /ping/1/?rid=2',
      'POST /ping/1/fail?rid=2',
    ]);
  });

  it('fails nothing when it does not arrive', async () => {
    const receiver = await startReceiver(status(404));
    const urlFile = join(temporaryFolder(), 'url');
    const send = (): Promise<string | undefined> => ping({ urlFile, timeoutMs: 10_000 }, 'success', context);
    expect(await send()).toMatch(/^cannot read ".*url" \(ENOENT\)$/);
    writeFileSync(urlFile, receiver.url);
    expect(await send()).toBe('answered 404');
  });
});

describe('secrets', () => {
  /** An address on which nobody listens. */
  async function closedAddress(): Promise<string> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  const textsBelow = (folder: string): string =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.name}\n${readFileSync(join(entry.parentPath, entry.name), 'utf8')}`)
      .join('\n');

  it('appear neither in errors nor in the files of state and outbox, whatever goes wrong', async () => {
    const closed = await closedAddress();
    const talkative = await startReceiver((response, { path, headers }) => {
      response.writeHead(400, `bad ${secret}`, { 'X-Echo': path }).end(JSON.stringify(headers));
    });
    const addresses: Readonly<Record<string, string>> = {
      refused: `http://user:${secret}@${closed}/${secret}?token=${secret}`,
      talkative: `${talkative.url}/${secret}?token=${secret}`,
      nohost: `http://${secret}.invalid/`,
      noport: `http://127.0.0.1:99999/${secret}`,
      notls: `${talkative.url.replace('http:', 'https:')}/${secret}`,
      scheme: `ftp://127.0.0.1/${secret}`,
      garbage: `${secret} is no address`,
      percent: `http://user:100%${secret}@${closed}/`,
    };
    const files = temporaryFolder();
    const stateDirectory = temporaryFolder();
    writeFileSync(join(files, 'key'), secret);
    const channels = Object.entries(addresses).map(([name, address]) => {
      writeFileSync(join(files, name), address);
      const settings: ChannelSettings = { type: 'webhook', urlFile: name, secretFile: 'key', ...base };
      return { name, minSeverity: 'warning', channel: channelIn(files, settings) } as const;
    });
    const owner = { pid: process.pid, hostname: 'here' };
    const delivery = { stateDirectory, owner, channels, database: '/data/trading.db' };
    const timing = { waitMs: 0, intervalMs: 1000, repeatMs: 1000 };
    const settings = { ...delivery, rules: [walSizeRule], inhibitions: [], timing, intervalMs: 1000 };
    await lookAtMetrics(settings, { metrics: badMetrics, expects: () => true }, context);
    const { failed } = await deliver(delivery, context);
    expect(failed.map(({ channel }) => channel).sort()).toEqual(Object.keys(addresses).sort());
    expect(failed.find(({ channel }) => channel === 'talkative')?.reason).toBe('answered 400');
    expect(JSON.stringify(failed)).not.toContain(secret);
    for (const name of Object.keys(addresses)) {
      expect((await sendTest(name, delivery, context)).failed, name).toEqual(
        failed.filter((one) => one.channel === name),
      );
      const reason = await ping({ urlFile: join(files, name), timeoutMs: 10_000 }, 'fail', context);
      expect(reason, name).toBeTypeOf('string');
      expect(reason).not.toContain(secret);
    }
    const kept = textsBelow(stateDirectory);
    expect(readdirSync(join(stateDirectory, 'alerts'))).toEqual([
      'outbox',
      expect.stringMatching(/^trading\.db-.*json$/),
    ]);
    expect(kept).toContain('answered 400');
    expect(kept).not.toContain(secret);
  });
});
