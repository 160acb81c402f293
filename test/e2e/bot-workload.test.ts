import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { QueriesData } from '../../src/core/analysis/queries/examine-queries.ts';
import type { RunData } from '../../src/core/loadtest/result/run-data.ts';
import { writeBotFile } from '../support/bot-file.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test.each(['freqtrade', 'hummingbot', 'vnpy'] as const)(
  'the statements of %s are analysed, and its load runs on a copy and keeps its rules',
  async (program) => {
    const path = join(temporaryFolder(), 'bot.sqlite');
    writeBotFile(path, program);
    const before = readFileSync(path);
    const analysed = await tradedb(['analyze', 'queries', '-d', path, '--profile', program, '--json']);
    const { queries } = parseReport<QueriesData>(analysed).data;
    expect(queries.length).toBeGreaterThan(4);
    expect(queries.filter(({ error, notTimed }) => error !== null || notTimed !== null)).toEqual([]);
    const load = ['--scenario', program, '--warmup', '0ms', '--transactions', '200', '--seed', '3'];
    const loaded = await tradedb(['loadtest', '-d', path, ...load, '--json']);
    // A slow machine may cross an alert limit, which is exit 3.
    expect([0, 3], loaded.stderr).toContain(loaded.code);
    const { data } = parseReport<RunData>(loaded);
    expect(data.scenario).toBe(program);
    expect(data.transactions.reduce((sum, { count }) => sum + count, 0)).toBe(200);
    expect(data.transactions.every(({ count, failed }) => count > 0 && failed === 0)).toBe(true);
    expect(data.verification?.problems).toEqual([]);
    expect(data.verification?.rulesChecked).toBeGreaterThan(5);
    expect(readFileSync(path).equals(before)).toBe(true);
  },
);
