import { describe, expect, it } from 'vitest';
import { hostName, isLoopback, judgeRequest, parseListen } from '../../../src/core/monitor/web/guard.ts';
import { openMetrics } from '../../../src/core/monitor/web/routes.ts';

const settings = {
  hosts: ['localhost', '127.0.0.1', 'db1.internal'],
  token: 'secret-secret-secret',
  metricsToken: undefined,
};
const request = {
  method: 'GET',
  path: '/metrics',
  host: 'localhost:9853',
  authorization: undefined,
  origin: undefined,
  fetchSite: undefined,
  fetchMode: undefined,
  hasSession: false,
};

describe('who may ask', () => {
  it('sends a name that is known, in any spelling', () => {
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:9853', 'db1.internal']) {
      expect(judgeRequest({ ...request, path: '/live', host }, settings)).toBe('allowed');
    }
    for (const host of [
      undefined,
      '',
      'evil.example',
      'localhost.evil.example',
      'localhost@evil',
      '127.0.0.1.evil:9853',
    ]) {
      expect(judgeRequest({ ...request, path: '/live', host }, settings), String(host)).toEqual({ status: 421 });
    }
  });

  it('may only look', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', '']) {
      expect(judgeRequest({ ...request, method }, settings)).toEqual({ status: 405 });
    }
  });

  it('brings the token, except for the sign of life', () => {
    const authorization = 'Bearer secret-secret-secret';
    expect(judgeRequest({ ...request, authorization }, settings)).toBe('allowed');
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      'Bearer secret',
      'Basic secret-secret-secret',
      `${authorization} x`,
    ]) {
      expect(judgeRequest({ ...request, authorization: wrong }, settings), String(wrong)).toEqual({ status: 401 });
    }
    expect(judgeRequest({ ...request, path: '/live' }, settings)).toBe('allowed');
    expect(judgeRequest({ ...request, path: '/ready' }, settings)).toEqual({ status: 401 });
    expect(judgeRequest(request, { ...settings, token: undefined })).toBe('allowed');
  });
});

describe('addresses', () => {
  it('are a host and a port', () => {
    expect(parseListen('127.0.0.1:9853')).toEqual({ host: '127.0.0.1', port: 9853 });
    expect(parseListen('[::1]:0')).toEqual({ host: '::1', port: 0 });
    for (const bad of ['9853', 'host', 'host:', 'host:99999', 'a b:1', '::1:9853', ''])
      expect(parseListen(bad)).toBeUndefined();
    expect(hostName('[::1]:9853')).toBe('::1');
  });

  it('are loopback or not', () => {
    for (const host of ['127.0.0.1', '127.8.9.1', 'localhost', '::1']) expect(isLoopback(host)).toBe(true);
    for (const host of ['0.0.0.0', '10.0.0.1', '::', '127.0.0.1.evil', 'db1']) expect(isLoopback(host)).toBe(false);
  });
});

it('OpenMetrics has families without _total and an end', () => {
  const text = '# HELP tradedb_commits_total Commits.\n# TYPE tradedb_commits_total counter\ntradedb_commits_total 5\n';
  expect(openMetrics(text).body).toBe(
    '# HELP tradedb_commits Commits.\n# TYPE tradedb_commits counter\ntradedb_commits_total 5\n# EOF\n',
  );
});
