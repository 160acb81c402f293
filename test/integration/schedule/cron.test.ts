import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/core/config/schema.ts';
import { cronLines } from '../../../src/core/schedule/cron.ts';
import { calendarOf } from '../../../src/core/schedule/expression.ts';
import { systemdUnits } from '../../../src/core/schedule/systemd.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const schedules = v.parse(configSchema, {}).schedules;

describe('cron lines', () => {
  it('run through sh with spaces, quotes, dollar and percent signs in every path', () => {
    const folder = join(temporaryFolder(), `it's "50%" of $HOME & more`);
    mkdirSync(folder);
    const program = join(folder, 'print arguments.mjs');
    writeFileSync(program, 'console.log(JSON.stringify(process.argv.slice(2)))');
    const lines = cronLines(schedules, {
      execPath: process.execPath,
      launcher: program,
      configPath: join(folder, 'my config.json'),
      databasePath: '/x',
    });
    expect(lines).toHaveLength(6);
    const backup = lines.find((line) => line.includes('backup create')) ?? '';
    expect(backup.startsWith('0 */6 * * * ')).toBe(true);
    // What cron does with the rest of the line: a bare percent sign ends the command, an escaped one is a percent sign.
    const command = backup.split(' ').slice(5).join(' ');
    expect(command.replaceAll('\\%', '')).not.toContain('%');
    const output = execFileSync('/bin/sh', ['-c', command.replaceAll('\\%', '%')], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual(['backup', 'create', '--quiet', '--config', join(folder, 'my config.json')]);
  });

  it('name the database where there is no configuration, and leave out what is switched off', () => {
    const lines = cronLines(
      { ...schedules, vacuum: false },
      { execPath: '/bin/node', launcher: '/t', configPath: undefined, databasePath: '/data/a.db' },
    );
    expect(lines).toHaveLength(5);
    expect(lines[0]).toBe('0 */6 * * * /bin/node /t backup create --quiet --database /data/a.db');
  });

  it('refuse a line break and a bad expression', () => {
    const invocation = { execPath: '/bin/node', launcher: '/t', configPath: '/a\nb', databasePath: '/x' };
    expect(() => cronLines(schedules, invocation)).toThrow('line break');
    expect(() => cronLines({ ...schedules, backup: '99 * * * *' }, { ...invocation, configPath: '/a' })).toThrow(
      'schedules.backup',
    );
    expect(() => cronLines({ ...schedules, backup: '* * * * * *' }, { ...invocation, configPath: '/a' })).toThrow(
      'schedules.backup',
    );
  });
});

describe('systemd units', () => {
  it.each([
    ['0 */6 * * *', '*-*-* 0/6:0:00'],
    ['*/5 * * * *', '*-*-* *:0/5:00'],
    ['30 5 * * 0', 'Sun *-*-* 5:30:00'],
    ['0 4 1,15 * *', '*-*-1,15 4:0:00'],
    ['15 2 * 1-6 *', '*-1..6-* 2:15:00'],
    ['0 22 * * 1-5', 'Mon..Fri *-*-* 22:0:00'],
  ])('translate %s', (cron, calendar) => {
    expect(calendarOf('backup', cron)).toBe(calendar);
  });

  it('refuse what cron and systemd understand differently', () => {
    expect(() => calendarOf('backup', '0 0 1 * 1')).toThrow('different things');
  });

  it('quote the command by the rules of systemd', () => {
    const units = systemdUnits(schedules, {
      execPath: '/bin/node',
      launcher: '/opt/t',
      configPath: '/srv/50% "of" $x\nnow.json',
      databasePath: '/x',
    });
    expect(units.map((unit) => unit.name)).toContain('tradedb-health.timer');
    const service = units.find((unit) => unit.name === 'tradedb-backup.service')?.content ?? '';
    expect(service).toContain(
      'ExecStart=/bin/node /opt/t backup create --quiet --config "/srv/50%% \\"of\\" $$x\\nnow.json"',
    );
    expect(service).toContain('SuccessExitStatus=3 143');
  });
});
