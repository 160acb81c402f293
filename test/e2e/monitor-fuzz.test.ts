import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { ask, startService, untilReady } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Some hundreds here; `TRADEDB_FUZZ=10000` makes a long run. */
const requests = Number(process.env.TRADEDB_FUZZ ?? 400);
const token = 'a-token-that-must-not-leak';
const secretTable = 'secret_table_name';

/** Sends raw bytes and gives back all that comes, until the server closes or is silent for long. */
function send(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    const done = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(15_000, done);
    socket.on('data', (part) => {
      answer += part.toString('latin1');
    });
    socket.on('close', done);
    socket.on('error', done);
  });
}

const paths = [
  '/',
  '/metrics',
  '/api/sample',
  '/api/state',
  '/api/history',
  '/api/events',
  '/app.js',
  '/login',
  '/live',
];
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '..',
    '%2e%2e/',
    '\0',
    '\r\n',
    '//',
    '?',
    '&series=',
    '__proto__',
    'constructor',
    '%00',
    '\\',
    '@',
    '#',
  ),
);
const path = fc
  .tuple(fc.constantFrom(...paths, 'http://evil.example/', '*', ''), fc.array(piece, { maxLength: 4 }))
  .map(([start, pieces]) => start + pieces.join(''));
const header = fc
  .tuple(
    fc.constantFrom(
      'Host',
      'Authorization',
      'Cookie',
      'Origin',
      'Accept',
      'Last-Event-ID',
      'Content-Length',
      'Transfer-Encoding',
      'Expect',
      'Upgrade',
      'Connection',
      'X',
    ),
    fc.oneof(
      fc.constantFrom(
        'localhost',
        'evil.example',
        `Bearer ${'x'.repeat(30)}`,
        'tradedb_session=',
        'http://evil',
        '-1',
        '99999999999',
        'chunked',
        '100-continue',
        'websocket',
      ),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.integer({ min: 1, max: 20_000 }).map((length) => 'a'.repeat(length)),
    ),
  )
  .map(([name, value]) => `${name}: ${value}`);
const request = fc
  .tuple(
    fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH', 'G\0T', ''),
    path,
    fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2', 'HTTP/9.9', ''),
    fc.array(header, { maxLength: 8 }),
    fc.string({ unit: 'binary', maxLength: 300 }),
  )
  .map(([method, target, version, headers, body]) =>
    Buffer.from(`${[`${method} ${target} ${version}`, 'Host: localhost', ...headers].join('\r\n')}\r\n\r\n${body}`),
  );
const hostile = fc.oneof(
  { weight: 8, arbitrary: request },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)) },
);

it(`survives ${requests} hostile requests, and tells them nothing`, { timeout: 1_200_000 }, async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'trading.db');
  const db = new Database(file);
  onTestFinished(() => void db.close());
  db.pragma('journal_mode = WAL');
  db.exec(`CREATE TABLE ${secretTable} (a)`);
  writeFileSync(join(folder, 'token'), token);
  const { port, child, log } = await startService(
    ['-d', file, '--schedules', 'off', '--token-file', join(folder, 'token')],
    {
      env: { TRADEDB_MONITOR_REQUEST_LIMIT: '100000' },
    },
  );
  const headers = { authorization: `Bearer ${token}` };
  await untilReady(port, headers);
  const statuses = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { minLength: 10, maxLength: 10 }), async (list) => {
      for (const answer of await Promise.all(list.map((bytes) => send(port, bytes)))) {
        const status = /^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 'closed';
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect(answer).not.toContain(token);
        expect(answer).not.toContain(secretTable);
        expect(answer).not.toContain('tradedb_commits');
        expect(answer).not.toContain(folder);
        expect(answer.toLowerCase()).not.toContain('access-control-');
        expect(status).not.toBe('500');
      }
      expect(child.exitCode).toBe(null);
    }),
    { numRuns: Math.ceil(requests / 10), endOnFailure: true },
  );
  expect((await ask(port, '/metrics', { headers })).body).toContain(secretTable);
  // Several kinds of refusal were met, and the log tells of them without repeating them all.
  expect(statuses.size).toBeGreaterThan(3);
  const refused = log().filter(({ event }) => event === 'request_refused').length;
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(requests / 4);
  expect(log().map(({ event }) => event)).not.toContain('request_failed');
});
