import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  engineSeries,
  QueryStatistics,
  queryMetrics,
  querySeries,
} from '../../../src/core/monitor/queries/query-statistics.ts';
import { openTradingDatabase } from '../../../src/index.ts';
import { startScript } from '../../support/background-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { virtualTime } from '../../support/virtual-time.ts';

it('an engine tells what it does by name, and takes the file away when it closes', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'engine.db');
  const db = openTradingDatabase(path, { create: true, statistics: true, resultCache: { entries: 10 } });
  db.tx((t) => t.exec('CREATE TABLE t (a)'), { name: 'make' });
  for (let call = 0; call < 10; call++) db.tx((t) => t.run('INSERT INTO t VALUES (1)'), { name: 'insert' });
  const fail = () => {
    throw new Error('no');
  };
  expect(() => db.tx(fail, { name: 'insert' })).toThrow('no');
  const directory = join(folder, '.tradedb', 'queries');
  const { clock, advance } = virtualTime();
  const statistics = new QueryStatistics(directory, path, clock);
  for (;;) {
    advance(1000);
    const row = statistics.facts.queries.find(({ name }) => name === 'insert');
    if (row?.calls === 11) break;
    await sleep(50);
  }
  const row = statistics.facts.queries.find(({ name }) => name === 'insert');
  expect(row).toMatchObject({ kind: 'transaction', errors: 1 });
  expect(row?.p99Ms).toBeGreaterThanOrEqual(row?.meanMs ?? 0);
  expect(statistics.facts.engines).toMatchObject([{ pid: process.pid, poolSize: 2 }]);
  await db.close();
  expect(readdirSync(directory)).toEqual([]);
});

it('moves every series of the queries, forgets a killed engine, and ignores what is not for it', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'engine.db');
  const engine = await startScript('engine.mjs', [path]);
  const directory = join(folder, '.tradedb', 'queries');
  const { clock, advance } = virtualTime();
  const statistics = new QueryStatistics(directory, path, clock);
  const seen = new Map<string, Set<number>>();
  // Retries and waiting need a lock of another process, and nothing has to be queued or busy at the very second.
  const rare = ['query_retries_total', 'background_readers', 'background_reads_queued', 'background_readers_busy'];
  const wanted = [...querySeries, ...engineSeries].map(({ name }) => name).filter((name) => !rare.includes(name));
  while (!wanted.every((name) => (seen.get(name)?.size ?? 0) > 1)) {
    advance(1000);
    for (const { name, value } of queryMetrics(statistics.facts, 'engine.db')) {
      seen.set(name, (seen.get(name) ?? new Set()).add(value));
    }
    await sleep(50);
  }
  expect(statistics.facts.queries.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['transaction', 'read', 'group', 'background']),
  );
  expect([...(seen.get('background_readers') ?? [])]).toContain(1);
  advance(1000);
  expect(new QueryStatistics(directory, join(folder, 'another.db'), clock).facts.queries).toEqual([]);
  engine.process.kill('SIGKILL');
  await new Promise((resolve) => engine.process.on('close', resolve));
  writeFileSync(join(directory, 'broken.json'), '{"version":1,');
  writeFileSync(join(directory, 'foreign.json'), '{"version":1,"queries":[{"latency":{"buckets":[[-1,1]]}}]}');
  advance(1000);
  expect(statistics.facts).toEqual({ queries: [], engines: [] });
  expect(readdirSync(directory).filter((name) => /^\d+-/.test(name) && name.endsWith('.json'))).toEqual([]);
});
