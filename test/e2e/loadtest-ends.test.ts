import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunData } from '../../src/core/loadtest/result/run-data.ts';
import { createShop, makeReadOnly } from '../support/bad-inputs.ts';
import { type CliResult, parseError, parseReport, tradedb } from '../support/cli.ts';
import { smallDisk } from '../support/small-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A database, and a module scenario whose transaction and check are the given function bodies. */
function shopWith(run: string, check = 'return [];'): { folder: string; args: readonly string[] } {
  const folder = temporaryFolder();
  const path = join(folder, 'shop.db');
  createShop(path);
  const scenario = join(folder, 'desk.mjs');
  writeFileSync(
    scenario,
    `import { writeFileSync } from 'node:fs';
const spin = (ms) => { const until = performance.now() + ms; while (performance.now() < until); };
const tell = () => writeFileSync(${JSON.stringify(join(folder, 'reached'))}, '');
export default {
  name: 'desk',
  setup: (db) => db.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, size INTEGER NOT NULL)'),
  transactions: { note: { parameters: () => ({ size: 1 }), run: (db, p) => { db.run('INSERT INTO notes (size) VALUES (:size)', p); ${run} } } },
  check: (db) => { ${check} },
};
`,
  );
  return { folder, args: ['loadtest', '-d', path, '--scenario', scenario, '--warmup', '0ms', '--json'] };
}

/** Runs, and sends the signal once the scenario has said that it got there. */
async function signalled(
  { folder, args }: { folder: string; args: readonly string[] },
  signal: NodeJS.Signals,
): Promise<{ result: CliResult; children: string[] }> {
  let children: string[] = [];
  const result = await tradedb(args, {
    onStart: (child) => {
      const timer = setInterval(() => {
        if (!existsSync(join(folder, 'reached'))) return;
        clearInterval(timer);
        children = childrenOf(child.pid ?? 0);
        child.kill(signal);
      }, 20);
      child.once('exit', () => clearInterval(timer));
    },
  });
  return { result, children };
}

function childrenOf(pid: number): string[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ') : [];
}

const scratchFolders = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.startsWith('tradedb-loadtest-'));

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, code) => {
  it('while arrivals that were due are finished: a partial report, no child, no scratch folder', async () => {
    // 200 arrivals in one second of 20 ms each take four: a sample of the second second lies behind the last arrival.
    const { folder, args } = shopWith('spin(20);');
    const load = ['--rate', '200', '--duration', '1s', '--drain', '60s', '--interval', '200ms', '-f', 'ndjson'];
    let children: string[] = [];
    let samples = 0;
    const result = await tradedb([...args.filter((arg) => arg !== '--json'), ...load], {
      onStart: (child) => {
        child.stdout?.on('data', (text: string) => {
          samples += text.split('"type":"sample"').length - 1;
          if (samples < 7 || children.length > 0) return;
          children = childrenOf(child.pid ?? 0);
          child.kill(signal);
        });
      },
    });
    expect(result.code, result.stderr).toBe(code);
    const { data } = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') as { data: RunData };
    expect(data.complete).toBe(false);
    expect(data.transactions[0]?.count).toBeGreaterThan(0);
    expect(data.pacing?.unfinished).toBeGreaterThan(0);
    expect(children.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(scratchFolders(folder)).toEqual([]);
  });

  it('while the file is checked afterwards: no child, no scratch folder', async () => {
    const shop = shopWith('', 'tell(); spin(60_000); return [];');
    const { result, children } = await signalled({ ...shop, args: [...shop.args, '--transactions', '50'] }, signal);
    expect(result.code, result.stderr).toBe(code);
    expect(children.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(scratchFolders(shop.folder)).toEqual([]);
  });
});

it('a client that floods stderr does not stop the run', async () => {
  const { folder, args } = shopWith("process.stderr.write('x'.repeat(20_000));");
  const result = await tradedb([...args, '--transactions', '400']);
  expect([0, 3], result.stderr).toContain(result.code);
  expect(parseReport<RunData>(result).data.transactions[0]?.count).toBe(400);
  expect(result.stderr.length).toBeLessThan(10_000);
  expect(scratchFolders(folder)).toEqual([]);
});

it('a scratch folder that cannot be written is told in one line', async () => {
  const { args } = shopWith('');
  const folder = temporaryFolder();
  makeReadOnly(folder);
  const result = await tradedb([...args, '--transactions', '10', '--scratch-dir', folder]);
  expect(result.code).toBe(1);
  expect(parseError(result).message).toContain(folder);
  expect(readdirSync(folder)).toEqual([]);
});

it('FULL on a file system in memory is a warning, exit 3', async ({ skip }) => {
  const { args } = shopWith('');
  const disk = smallDisk(128);
  if (disk === undefined) return skip('mounting is not allowed here');
  const result = await tradedb([...args, '--transactions', '50', '--durability', 'full', '--scratch-dir', disk]);
  expect(result.code, result.stderr).toBe(3);
  const { findings, data } = parseReport<RunData>(result);
  expect(data.environment.fileSystem).toMatchObject({ inMemory: true });
  expect(findings.map(({ id }) => id)).toContain('loadtest.memory-file-system');
});
