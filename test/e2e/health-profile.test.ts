import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { HealthRulesData } from '../../src/commands/health/rules.ts';
import type { HealthData } from '../../src/core/health/health-data.ts';
import { writeBotFile } from '../support/bot-file.ts';
import { parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const damage = "UPDATE orders SET ft_pair = 'BTC/USDT' WHERE id = 4; UPDATE trades SET amount = 9 WHERE id = 2";

function botFile(
  program: 'freqtrade' | 'hummingbot' | 'vnpy',
  broken = '',
): { path: string; env: Record<string, string> } {
  const folder = temporaryFolder();
  const path = join(folder, "a bot's file.sqlite");
  writeBotFile(path, program, broken);
  return { path, env: { TRADEDB_STATE_DIRECTORY: join(folder, 'state') } };
}

test("health finds the program by its tables, checks it by the program's rules and leaves the file alone", async () => {
  const { path, env } = botFile('freqtrade', damage);
  const before = readFileSync(path);
  const result = await tradedb(['health', '-d', path, '--tier', 'daily', '--json'], { env });
  expect(readFileSync(path).equals(before)).toBe(true);
  const { data, findings } = parseReport<HealthData>(result);
  const status = new Map(data.checks.map((row) => [row.id, row.status]));
  expect(status.get('rule.FT06')).toBe('critical');
  expect(status.get('rule.FT01')).not.toBe('critical');
  expect(findings.find(({ id }) => id === 'rule.FT01')?.message).toContain('explained by rule.FT06');
  expect(status.get('rule.FT07')).toBe('ok');
  expect(status.get('rule.I25')).toBe('ok');
  expect(status.has('rule.I01')).toBe(false);
  expect(result.code).toBe(4);
  const text = await tradedb(['health', '-d', path, '--tier', 'daily'], { env });
  expect(text.stdout).toContain('rule.FT06');
});

test.each(['hummingbot', 'vnpy'] as const)('a sound file of %s keeps its rules', async (program) => {
  const { path, env } = botFile(program);
  const only = ['--only', 'rule.*'];
  const { data } = parseReport<HealthData>(
    await tradedb(['health', '-d', path, '--tier', 'daily', ...only, '--json'], { env }),
  );
  expect(data.checks.length).toBeGreaterThan(8);
  expect(data.checks.filter(({ status }) => status !== 'ok' && status !== 'skipped')).toEqual([]);
});

test('a profile that is named is taken, and none leaves the rules out', async () => {
  const { path, env } = botFile('freqtrade', damage);
  const none = await tradedb(['health', '-d', path, '--tier', 'daily', '--profile', 'none', '--json'], { env });
  expect(parseReport<HealthData>(none).data.checks.filter(({ id }) => id.startsWith('rule.'))).toEqual([]);
  const other = await tradedb(['health', '-d', path, '--tier', 'daily', '--profile', 'vnpy', '--json'], { env });
  const rows = parseReport<HealthData>(other).data.checks.filter(({ id }) => id.startsWith('rule.VN'));
  expect(rows.map(({ status }) => status)).toEqual(rows.map(() => 'skipped'));
  expect(rows.length).toBe(6);
  expect((await tradedb(['health', '-d', path, '--profile', 'gekko'], { env })).code).toBe(2);
});

test('health rules lists the rules of a profile with their SQL', async () => {
  const listed = await tradedb(['health', 'rules', '--profile', 'freqtrade', '--json']);
  const { rules } = parseReport<HealthRulesData>(listed).data;
  const ids = rules.map(({ id }) => id);
  for (let number = 1; number <= 11; number += 1) expect(ids).toContain(`rule.FT${String(number).padStart(2, '0')}`);
  expect(rules.find(({ id }) => id === 'rule.FT06')?.sql).toContain('ft_pair');
  const { path, env } = botFile('vnpy');
  const detected = await tradedb(['health', 'rules', '-d', path], { env });
  expect(detected.stdout).toContain('rule.VN03');
  const explained = await tradedb(['health', 'rules', '--profile', 'hummingbot', '--explain', 'rule.HB02'], { env });
  expect(explained.stdout).toContain('last event');
});
