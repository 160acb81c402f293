import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, type ProxyOptions, type SeenRequest, startFaultProxy } from '../../support/fault-proxy.ts';
import { s3Bucket } from '../../support/remote-storage.ts';
import { requireInCi } from '../../support/server-process.ts';
import { type SwiftServer, startSwift, swiftMissing } from '../../support/swift-server.ts';
import { listed, storageContract } from './contract.ts';

const missing = swiftMissing();

describe.skipIf(!requireInCi(missing))(`S3${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let swift: SwiftServer;
  let state = '';
  const proxies: FaultProxy[] = [];
  beforeAll(async () => {
    state = mkdtempSync(join(tmpdir(), 'tradedb-contract-'));
    swift = await startSwift();
    await swift.createBucket('tradedb-test');
  }, 120_000);
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.stop();
  });
  afterAll(async () => {
    await swift?.stop();
    rmSync(state, { recursive: true, force: true });
  });

  /** A proxy of its own for each test, so that no fault of one meets another. */
  async function behindProxy(options: ProxyOptions = {}) {
    const proxy = await startFaultProxy(swift, options);
    proxies.push(proxy);
    const place = mkdtempSync(join(state, 'proxy-'));
    return { proxy, open: (parts = {}) => s3Bucket({ ...swift, endpoint: proxy.endpoint }, place, parts) };
  }

  describe('that answers 501 to conditional writes', () => {
    storageContract(() => ({
      open: () => s3Bucket(swift, state, { prefix: 'plain' }),
      exclusive: false,
      objects: 1050,
      folder: state,
    }));
  });

  describe('that enforces conditional writes', () => {
    let conditional: FaultProxy;
    beforeAll(async () => {
      conditional = await startFaultProxy(swift, { condition: 'enforce' });
    });
    afterAll(() => conditional.stop());
    storageContract(() => ({
      open: () => s3Bucket({ ...swift, endpoint: conditional.endpoint }, state, { prefix: 'a folder/below' }),
      exclusive: true,
      objects: 50,
      folder: state,
    }));
  });

  it('does not believe a server that ignores the condition and overwrites', async () => {
    const { proxy, open } = await behindProxy({ condition: 'ignore' });
    const storage = open();
    expect(await storage.exclusiveCreate()).toBe(false);
    expect(await storage.write('db/hostile/x', Buffer.from('first'), { ifAbsent: true })).toBe(true);
    expect(await storage.write('db/hostile/x', Buffer.from('second'), { ifAbsent: true })).toBe(false);
    expect(Buffer.from(await storage.read('db/hostile/x')).toString()).toBe('first');
    const probes = (list: readonly SeenRequest[]): number => list.filter(({ path }) => path.includes('/probe-')).length;
    const before = probes(proxy.seen);
    expect(before).toBeGreaterThan(0);
    expect(await open().exclusiveCreate()).toBe(false);
    expect(probes(proxy.seen)).toBe(before);
    expect((await listed(storage, 'leases')).map(({ key }) => key)).toEqual([]);
  });

  it('reads back what it wrote where the ETag is no MD5', async () => {
    const { proxy, open } = await behindProxy({ strangeEtag: true });
    const storage = open();
    const body = randomBytes(100_000);
    await storage.write('db/etag/x', body);
    expect(proxy.seen.filter(({ method, path }) => method === 'GET' && path.endsWith('/db/etag/x'))).toHaveLength(1);
    expect(Buffer.compare(await storage.read('db/etag/x'), body)).toBe(0);
  });

  it.each([
    ['500', { kind: 'status', status: 500 }],
    ['503', { kind: 'status', status: 503, body: 'busy' }],
    ['an answer that is cut', { kind: 'cut' }],
    ['a lost answer', { kind: 'lost' }],
    ['a slow answer', { kind: 'slow', ms: 1000 }],
  ] as const)('gets over %s', async (_, fault) => {
    const { proxy, open } = await behindProxy();
    const storage = open({ requestTimeoutMs: 500 });
    const body = randomBytes(300_000);
    await storage.write('db/fault/x', body);
    const about = ({ path }: SeenRequest): boolean => path.includes('fault');
    proxy.fail(fault, fault.kind === 'slow' ? 1 : 2, about);
    await storage.write('db/fault/x', body);
    proxy.fail(fault, fault.kind === 'slow' ? 1 : 2, about);
    expect(Buffer.compare(await storage.read('db/fault/x'), body)).toBe(0);
    proxy.fail(fault, fault.kind === 'slow' ? 1 : 2, about);
    expect(await storage.read('db/fault/x', { offset: 10, length: 1000 })).toHaveLength(1000);
    proxy.fail(fault, fault.kind === 'slow' ? 1 : 2, about);
    expect((await listed(storage, 'db/fault')).map(({ sizeBytes }) => sizeBytes)).toEqual([300_000]);
    proxy.fail(fault, fault.kind === 'slow' ? 1 : 2, about);
    await storage.delete('db/fault/x');
    await expect(storage.read('db/fault/x')).rejects.toMatchObject({ code: 'file_not_found' });
  });

  it('asks again when a range comes short', async () => {
    const { proxy, open } = await behindProxy();
    const storage = open();
    const body = randomBytes(10_000);
    await storage.write('db/short/x', body);
    proxy.fail({ kind: 'short' }, 2, ({ method }) => method === 'GET');
    expect(Buffer.from(await storage.read('db/short/x', { offset: 100, length: 5000 }))).toEqual(
      body.subarray(100, 5100),
    );
  });

  it('gives up after five tries and says why', async () => {
    const { proxy, open } = await behindProxy();
    const storage = open();
    await storage.write('db/down/x', Buffer.from('x'));
    proxy.fail({ kind: 'status', status: 503 }, 100);
    const before = proxy.seen.length;
    await expect(storage.read('db/down/x')).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('503'),
    });
    expect(proxy.seen.length - before).toBe(5);
  });

  it('creates once although the answer was lost', async () => {
    const { proxy, open } = await behindProxy({ condition: 'enforce' });
    const storage = open();
    expect(await storage.exclusiveCreate()).toBe(true);
    proxy.fail({ kind: 'lost' }, 1, ({ method, path }) => method === 'PUT' && path.includes('once'));
    expect(await storage.write('db/once/x', Buffer.from('mine'), { ifAbsent: true })).toBe(true);
    expect(await storage.write('db/once/x', Buffer.from('late'), { ifAbsent: true })).toBe(false);
  });

  it.each([
    ['a wrong secret', { secretAccessKey: 'wrong-secret-key' }, 'SignatureDoesNotMatch'],
    ['an unknown key', { accessKeyId: 'nobody:nobody' }, 'access key'],
    ['an unknown bucket', { bucket: 'no-such-bucket' }, 'no bucket'],
  ])('says %s in one line, at once, without the secret', async (_, parts, words) => {
    const { proxy, open } = await behindProxy();
    const storage = open(parts);
    for (const work of [
      () => listed(storage, 'db'),
      () => storage.read('FORMAT'),
      () => storage.write('db/x', Buffer.from('x')),
    ]) {
      const error = await work().then(
        () => undefined,
        (caught: Error) => caught,
      );
      expect(error).toMatchObject({ code: expect.stringMatching(/storage_refused|permission_denied/) });
      expect(error?.message).toContain(words === 'access key' ? '' : words);
      expect(JSON.stringify(error) + String(error?.stack)).not.toContain('wrong-secret-key');
    }
    expect(proxy.seen).toHaveLength(3);
  });

  it('names the difference of the clocks, and a full or closed bucket', async () => {
    const { proxy, open } = await behindProxy();
    const storage = open();
    await storage.write('db/x', Buffer.from('x'));
    const xml = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;
    const answer = (status: number, code: string): void => proxy.fail({ kind: 'status', status, body: xml(code) }, 1);
    answer(403, 'RequestTimeTooSkewed');
    await expect(storage.read('db/x')).rejects.toMatchObject({ message: expect.stringMatching(/clock .* differs/) });
    answer(507, 'InsufficientStorage');
    await expect(storage.write('db/x', Buffer.from('y'))).rejects.toMatchObject({ code: 'disk_full' });
    answer(403, 'AccessDenied');
    await expect(storage.delete('db/x')).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('sends large files in parts, and does not send again what an interrupted upload left', async () => {
    const { proxy, open } = await behindProxy();
    const body = randomBytes(22 * 1024 * 1024);
    const key = 'db/parts/points/1/large.pack';
    const storage = open({ singlePutBytes: 20 * 1024 * 1024 });
    const file = join(await storage.stagingFolder('parts'), 'large');
    writeFileSync(file, body);
    const isPart = ({ method, path }: SeenRequest): boolean => method === 'PUT' && path.includes('partNumber');
    proxy.fail({ kind: 'status', status: 500 }, 100, ({ path }) => /partNumber=4/.test(path));
    await expect(storage.adopt(key, file)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await listed(storage, 'db/parts')).toEqual([]);
    const first = proxy.seen.filter(isPart).length;
    expect(first).toBeGreaterThanOrEqual(4);
    const again = await behindProxy();
    const later = again.open({ singlePutBytes: 20 * 1024 * 1024 });
    await later.adopt(key, file);
    expect(again.proxy.seen.filter(isPart).length).toBeLessThanOrEqual(2);
    expect(Buffer.compare(await later.read(key), body)).toBe(0);
    expect((await listed(later, 'db/parts')).map((one) => one.sizeBytes)).toEqual([body.length]);
  }, 60_000);

  it('ends uploads that nobody will resume', async () => {
    const { proxy, open } = await behindProxy();
    const storage = open({ singlePutBytes: 20 * 1024 * 1024 });
    const file = join(await storage.stagingFolder('old'), 'large');
    writeFileSync(file, randomBytes(21 * 1024 * 1024));
    proxy.fail({ kind: 'status', status: 500 }, 5, ({ path }) => /partNumber=2/.test(path));
    await expect(storage.adopt('db/old/points/1/x.pack', file)).rejects.toMatchObject({ code: 'storage_unavailable' });
    const aborts = (): number =>
      proxy.seen.filter(({ method, path }) => method === 'DELETE' && path.includes('uploadId')).length;
    await storage.removeUnfinished('old');
    expect(aborts()).toBe(0);
    const tomorrow = open({ tomorrow: true });
    await tomorrow.removeUnfinished('old');
    expect(aborts()).toBe(1);
  }, 60_000);
});
