import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createShop } from '../support/bad-inputs.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('the command line', () => {
  it('prints help without a command, and the version', async () => {
    const help = await tradedb([]);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Usage\ntradedb <command> [options]');
    const version = await tradedb(['--version']);
    expect(version.stdout.trim()).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version);
  });

  it('suggests the nearest command, subcommand and option, and exits 2', async () => {
    expect(await tradedb(['confg'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'error: unknown command "confg"\nhint: did you mean: tradedb config\n',
    });
    expect((await tradedb(['config', 'show', '--efective'])).stderr).toContain('did you mean --effective');
    expect((await tradedb(['help', 'config', 'chek'])).stderr).toContain('did you mean: tradedb config check');
    expect((await tradedb(['config', 'check', 'extra'])).stderr).toContain('unexpected argument "extra"');
  });

  it('prints one JSON object on stderr when JSON was asked for', async () => {
    const result = await tradedb(['config', 'show', '--effective', '--json']);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(parseError(result)).toMatchObject({ type: 'error', code: 'usage', exitCode: 2 });
  });

  it('refuses a format that the command cannot give, and takes a foreign one from the environment as a wish', async () => {
    expect(await tradedb(['config', 'show', '-f', 'junit'])).toMatchObject({ code: 2 });
    expect(await tradedb(['config', 'show', '--json', '-f', 'text'])).toMatchObject({ code: 2 });
    const fallback = await tradedb(['config', 'show', 'state'], { env: { TRADEDB_FORMAT: 'junit' } });
    expect(fallback).toMatchObject({ code: 0 });
    expect(fallback.stdout).toContain('state.directory');
  });

  it('takes global options before the command', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'my config.json');
    writeFileSync(file, '{"backup":{"codec":"none"}}');
    const result = await tradedb(['-c', file, 'config', 'show', 'backup.codec', '--json']);
    expect(parseReport<{ values: unknown[] }>(result).data.values).toMatchObject([
      { key: 'backup.codec', value: 'none', source: 'file' },
    ]);
  });

  it('colours by flag, NO_COLOR and FORCE_COLOR in that order', async () => {
    const colour = '\u001b[';
    expect((await tradedb([], { env: { FORCE_COLOR: '1' } })).stdout).toContain(colour);
    expect((await tradedb([], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain(colour);
    expect((await tradedb(['--color', 'always', 'config', 'show'], { env: { NO_COLOR: '1' } })).stdout).toContain(
      colour,
    );
    expect((await tradedb(['config', 'show', '--color', 'never'], { env: { FORCE_COLOR: '1' } })).stdout).not.toContain(
      colour,
    );
  });

  it('writes the result whole into a file', async () => {
    const folder = temporaryFolder();
    const result = await tradedb(['config', 'schema', '-o', 'schema.json'], { cwd: folder });
    expect(result).toMatchObject({ code: 0, stdout: '' });
    expect(JSON.parse(readFileSync(join(folder, 'schema.json'), 'utf8'))).toMatchObject({
      title: 'tradedb.config.json',
    });
    expect(existsSync(join(folder, 'schema.json.partial'))).toBe(false);
    expect(await tradedb(['config', 'schema', '-o', 'missing/schema.json'], { cwd: folder })).toMatchObject({
      code: 10,
    });
  });

  it('ends quietly when the reader of its output goes away', async () => {
    const result = await tradedb(['config', 'show'], { onStart: (child) => child.stdout?.destroy() });
    expect(result).toMatchObject({ code: 0, stderr: '' });
  });

  it('explains the exit codes', async () => {
    const result = await tradedb(['help', 'exit-codes']);
    for (const code of [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 78, 130, 143])
      expect(result.stdout).toMatch(new RegExp(`^ *${code} `, 'm'));
  });
});

describe('config', () => {
  it('names every problem of a file with its key and the allowed values', async () => {
    const folder = temporaryFolder();
    writeFileSync(
      join(folder, 'tradedb.config.json'),
      JSON.stringify({
        bakup: {},
        backup: { workers: 99, retention: { keeplast: 1 } },
        connection: { durability: 'off', busyTimeout: '5 apples' },
      }),
    );
    const check = await tradedb(['config', 'check', '--json'], { cwd: folder });
    expect(check.code).toBe(4);
    const messages = parseReport(check).findings.map((finding) => finding.message);
    expect(messages).toContainEqual(
      expect.stringMatching(/^connection\.durability: expected one of "full", "normal", found "off"$/),
    );
    expect(messages).toContainEqual(expect.stringMatching(/^connection\.busyTimeout: expected a duration such as/));
    expect(messages).toContainEqual(
      expect.stringMatching(/^backup\.workers: expected a whole number from 0 to 16, found 99$/),
    );
    expect(messages).toContainEqual(
      expect.stringMatching(/^backup\.retention\.keeplast: unknown key; known here: keepLast, /),
    );
    expect(messages).toContainEqual(expect.stringMatching(/^bakup: unknown key; known here: database, connection, /));
    expect(await tradedb(['config', 'show'], { cwd: folder })).toMatchObject({ code: 2, stdout: '' });
  });

  it('takes values from environment, file and defaults in that order, and says from which', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'tradedb.config.json'), '{"backup":{"codec":"gzip","workers":2}}');
    const result = await tradedb(['config', 'show', 'backup', '--json'], {
      cwd: folder,
      env: { TRADEDB_BACKUP_CODEC: 'zstd:3', TRADEDB_BACKUP_RETENTION_KEEP_LAST: '9' },
    });
    const values = parseReport<{ values: { key: string; value: unknown; source: string }[] }>(result).data.values;
    const pick = (key: string) => values.find((value) => value.key === key);
    expect(pick('backup.codec')).toMatchObject({ value: 'zstd:3', source: 'environment' });
    expect(pick('backup.retention.keepLast')).toMatchObject({ value: 9, source: 'environment' });
    expect(pick('backup.workers')).toMatchObject({ value: 2, source: 'file' });
    expect(pick('backup.verify')).toMatchObject({ value: 1, source: 'default' });
  });

  it('reports a bad variable by its name, and an unknown one', async () => {
    const bad = await tradedb(['config', 'show'], { env: { TRADEDB_BACKUP_WORKERS: 'many' } });
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('TRADEDB_BACKUP_WORKERS: expected a whole number');
    const unknown = await tradedb(['config', 'check'], { env: { TRADEDB_BACKUP_WROKERS: '2' } });
    expect(unknown.code).toBe(3);
    expect(unknown.stdout).toContain('TRADEDB_BACKUP_WROKERS');
  });

  it('refuses a missing file, broken JSON and a list', async () => {
    const folder = temporaryFolder();
    expect(await tradedb(['config', 'show', '-c', 'none.json'], { cwd: folder })).toMatchObject({ code: 2 });
    writeFileSync(join(folder, 'a.json'), '{"backup": }');
    writeFileSync(join(folder, 'b.json'), '[]');
    expect((await tradedb(['config', 'show', '-c', 'a.json'], { cwd: folder })).stderr).toContain('is not valid JSON');
    expect((await tradedb(['config', 'show', '-c', 'b.json'], { cwd: folder })).stderr).toContain(
      'must be a JSON object',
    );
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])('prints a script for %s that asks tradedb itself', async (shell) => {
    const result = await tradedb(['completion', shell]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/complete['"]? '?--/);
  });

  it('refuses an unknown shell', async () => {
    expect(await tradedb(['completion', 'tcsh'])).toMatchObject({ code: 2 });
    expect(await tradedb(['completion'])).toMatchObject({ code: 2 });
  });

  it.each([
    [['con'], /^config\t/m],
    [['config', ''], /^check\t/m],
    [['config', 'show', '--eff'], /^--effective\t/m],
    [['config', 'show', '--color', ''], /^always\t/m],
    [['config', 'check', '--format', 'ju'], /^junit\t/m],
  ])('completes %j', async (words, expected) => {
    const result = await tradedb(['complete', '--', ...words]);
    expect(result.stdout).toMatch(expected);
    expect(result.stdout).toMatch(/^:4$/m);
  });

  it('offers files where a path is expected', async () => {
    expect((await tradedb(['complete', '--', 'config', 'show', '-d', ''])).stdout).toBe(':0\n');
  });
});

describe('--quiet', () => {
  it('keeps a command that cron runs silent while all is well, and speaks otherwise', async () => {
    const folder = temporaryFolder();
    createShop(join(folder, 'shop.db'));
    const silent = await tradedb(['vacuum', 'optimize', '-d', 'shop.db', '--quiet'], { cwd: folder });
    expect(silent).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const json = await tradedb(['vacuum', 'optimize', '-d', 'shop.db', '--quiet', '--json'], { cwd: folder });
    expect(parseReport(json).status).toBe('ok');
    const warned = await tradedb(['config', 'check', '--quiet'], { cwd: folder, env: { TRADEDB_BAKUP: '1' } });
    expect(warned.stdout).toContain('TRADEDB_BAKUP');
  });
});
