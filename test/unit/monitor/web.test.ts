import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { EventStream } from '../../../src/core/monitor/web/event-stream.ts';
import { judgeRequest } from '../../../src/core/monitor/web/guard.ts';
import { RateLimit } from '../../../src/core/monitor/web/rate-limit.ts';
import { Sessions } from '../../../src/core/monitor/web/sessions.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { systemRandom } from '../../../src/system/system-random.ts';

/** A response that only remembers. */
function client(unread = 0) {
  const got: string[] = [];
  const listeners: (() => void)[] = [];
  const state = { got, destroyed: false, close: () => listeners.forEach((listener) => void listener()) };
  const response = {
    writableLength: unread,
    write: (text: string) => got.push(text),
    destroy: () => {
      state.destroyed = true;
      state.close();
    },
    on: (_: string, listener: () => void) => listeners.push(listener),
  } as unknown as ServerResponse;
  return { response, state };
}

describe('the stream of events', () => {
  it('serves a client that comes back with what it missed, and says when it cannot', () => {
    const stream = new EventStream(systemClock);
    for (let id = 1; id <= 700; id++) stream.push(id * 10, { id });
    const fresh = client();
    stream.add(fresh.response, undefined);
    expect(fresh.state.got.join('')).toContain('id: 7000\n');
    const back = client();
    stream.add(back.response, '6980');
    expect(back.state.got.filter((text) => text.startsWith('id:'))).toHaveLength(2);
    for (const id of ['5', '999999', 'x', '-1', '1e3']) {
      const lost = client();
      stream.add(lost.response, id);
      expect(lost.state.got.join(''), id).toContain('event: gap');
    }
    expect(stream.clients).toBe(7);
    stream.close();
    expect(stream.clients).toBe(0);
  });

  it('drops a client that does not read', () => {
    const stream = new EventStream(systemClock);
    const slow = client(1024 * 1024 + 1);
    stream.add(slow.response, undefined);
    stream.push(1, {});
    expect(slow.state.destroyed).toBe(true);
    expect(stream.clients).toBe(0);
  });
});

it('an address may ask so often, a wrong token costs more, and addresses are forgotten', () => {
  let now = 0;
  const limit = new RateLimit(10, () => now);
  const asked = (address: string): number =>
    Array.from({ length: 100 }, () => limit.allows(address)).filter(Boolean).length;
  expect(asked('a')).toBe(40);
  expect(asked('a')).toBe(0);
  expect(limit.allows('b')).toBe(true);
  now += 1000;
  // The refused ones made a debt, which is at most one burst.
  expect(asked('a')).toBe(0);
  now += 10_000;
  expect(asked('a')).toBe(40);
  for (let address = 0; address < 5000; address++) limit.allows(`x${address}`);
  expect(asked('a')).toBe(40);
});

it('sessions end by time and with the token, and no cookie is believed that was not given', () => {
  let now = 0;
  const sessions = new Sessions({ ...systemClock, now: () => now }, systemRandom);
  const cookie = sessions.begin();
  expect(cookie).toMatch(/^tradedb_session=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/);
  const value = cookie.split(';')[0] ?? '';
  expect(sessions.holds(`a=1; ${value}; b=2`)).toBe(true);
  for (const wrong of [
    undefined,
    '',
    'tradedb_session=',
    `${value}x`,
    `x${value}`,
    `tradedb_session=${'A'.repeat(43)}`,
  ]) {
    expect(sessions.holds(wrong), String(wrong)).toBe(false);
  }
  now += 13 * 3_600_000;
  expect(sessions.holds(value)).toBe(false);
  const next = sessions.begin().split(';')[0];
  sessions.end();
  expect(sessions.holds(next)).toBe(false);
});

describe('pages of other sites', () => {
  const settings = { hosts: ['localhost', '127.0.0.1'], token: undefined, metricsToken: undefined };
  const request = {
    method: 'GET',
    path: '/api/state',
    host: 'localhost:9853',
    authorization: undefined,
    origin: undefined,
    fetchSite: undefined,
    fetchMode: undefined,
    hasSession: false,
  };

  it('get nothing, links to the page work', () => {
    for (const origin of ['https://evil.example', 'null', 'file://', 'http://localhost.evil', 'http://']) {
      expect(judgeRequest({ ...request, origin }, settings), origin).toEqual({ status: 403 });
    }
    expect(judgeRequest({ ...request, origin: 'http://localhost:9853' }, settings)).toBe('allowed');
    expect(judgeRequest({ ...request, fetchSite: 'cross-site', fetchMode: 'no-cors' }, settings)).toEqual({
      status: 403,
    });
    expect(judgeRequest({ ...request, fetchSite: 'cross-site', fetchMode: 'navigate' }, settings)).toBe('allowed');
    expect(judgeRequest({ ...request, fetchSite: 'same-origin', fetchMode: 'cors' }, settings)).toBe('allowed');
  });

  it('a token for metrics opens nothing else, a session everything', () => {
    const two = { ...settings, token: 'token-token-token', metricsToken: 'metrics-metrics-1' };
    const authorization = 'Bearer metrics-metrics-1';
    expect(judgeRequest({ ...request, path: '/metrics', authorization }, two)).toBe('allowed');
    expect(judgeRequest({ ...request, authorization }, two)).toEqual({ status: 401 });
    expect(judgeRequest({ ...request, hasSession: true }, two)).toBe('allowed');
    expect(judgeRequest({ ...request, path: '/app.js' }, two)).toEqual({ status: 401 });
    expect(judgeRequest({ ...request, path: '/login' }, two)).toBe('allowed');
  });
});
