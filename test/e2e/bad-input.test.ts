import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registry } from '../../src/commands/registry.ts';
import { type BadInput, createShop, holdExclusiveLock, makeBadInput, makeReadOnly } from '../support/bad-inputs.ts';
import { parseError, parseReport, tradedb } from '../support/cli.ts';
import { fileState } from '../support/file-state.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Expectation {
  /** Arguments that make the command work on the sound database. */
  readonly args?: readonly string[];
  /** Exit codes on a sound foreign database. */
  readonly sound: readonly number[];
  readonly truncated: readonly number[];
  readonly locked: readonly number[];
  readonly readOnly: readonly number[];
}

const reads: Expectation = { sound: [0, 3], truncated: [12], locked: [11], readOnly: [0, 3] };
const looks: Expectation = { ...reads, truncated: [0, 3, 12], locked: [0, 3, 11] };

/** Every command that works on a database. The commands left out below say why. */
const commands: Record<string, Expectation> = {
  'health check': { sound: [0, 3], truncated: [12], locked: [0, 3, 11], readOnly: [0, 3, 4] },
  'analyze space': reads,
  'analyze settings': looks,
  'analyze report': { ...reads, locked: [3, 11], truncated: [3, 12] },
  'backup create': { sound: [0, 3], truncated: [12], locked: [11], readOnly: [1, 3] },
  'migrate status': { ...looks, truncated: [0, 12], locked: [11] },
  'migrate plan': { ...looks, truncated: [0, 12], locked: [11] },
  'vacuum run': { args: ['--yes'], sound: [0, 3], truncated: [0, 3, 12], locked: [11, 3, 0], readOnly: [0, 1, 3] },
  // The locked and the read-only database have no WAL, so that there is nothing to do.
  'vacuum checkpoint': { sound: [0, 3], truncated: [0, 3, 12], locked: [0], readOnly: [0] },
  'vacuum optimize': { sound: [0, 3], truncated: [0, 12], locked: [11], readOnly: [1] },
  'loadtest run': {
    args: ['--transactions', '50', '--warmup', '0ms'],
    sound: [0, 3],
    truncated: [12],
    locked: [11],
    readOnly: [1],
  },
  'monitor dashboard': { args: ['--once'], sound: [0, 3], truncated: [0, 3, 12], locked: [0, 3], readOnly: [0, 3] },
  'monitor sample': { sound: [0, 3], truncated: [0, 3, 12], locked: [0, 3], readOnly: [0, 3] },
};

// With a workload or scenario of one statement in the folder.
const withStatements: Readonly<Record<string, Expectation>> = {
  'analyze queries': { ...reads, args: ['-w', 'workload.sql'] },
  'analyze indexes': { ...reads, args: ['-w', 'workload.sql', '--time-limit', '10s'] },
  'loadtest run': {
    args: ['--scenario', 'scenario.sql', '--transactions', '20', '--warmup', '0s', '--scratch-dir', tmpdir()],
    sound: [0, 3],
    truncated: [12],
    locked: [11],
    readOnly: [0, 3],
  },
};
const migrations: Readonly<Record<string, Expectation>> = {
  'migrate up': { sound: [0], truncated: [0, 12], locked: [11], readOnly: [1], args: ['--backup', 'never'] },
  'migrate verify': { ...looks, truncated: [0, 12], locked: [11] },
  'migrate drift': { ...looks, sound: [0, 3, 13], readOnly: [0, 3, 13], truncated: [0, 12, 13], locked: [11] },
  'migrate dump': { ...looks, truncated: [0, 12], locked: [11] },
  // Whatever it is, it is no target: only the trading schema is.
  'migrate import': { args: ['--quarantine', 'all'], sound: [12], truncated: [12], locked: [11], readOnly: [12] },
};
const others: Readonly<Record<string, Expectation>> = {
  'health rules': { ...looks, truncated: [0, 3, 12], locked: [0, 3, 11] },
  // The databases have no audit log, which is a warning.
  'health audit': { ...looks, truncated: [3, 12], locked: [11] },
  'config show': { ...looks, args: ['--effective'], truncated: [0, 12], locked: [11] },
};
Object.assign(commands, withStatements, migrations, others);

const registered = registry.flatMap((group) =>
  Object.keys(group.commands).map((name) => (name === group.name ? name : `${group.name} ${name}`)),
);
const tested = Object.keys(commands).filter((words) => registered.includes(words));

/** One line, a hint, the code; in JSON mode the same as one object. */
function expectFailure(
  result: { code: number | null; stdout: string; stderr: string },
  codes: readonly number[],
): void {
  expect(codes, result.stderr + result.stdout).toContain(result.code);
  if ([1, 2, 10, 11, 12, 15].includes(result.code ?? -1) && result.stdout === '') {
    const lines = result.stderr.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('error: '))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('hint: '))).toHaveLength(1);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  }
}

/** A folder for the input, with a migration in it for the commands that want one. */
function inputFolder(words: string, name = ''): string {
  const folder = join(temporaryFolder(), name);
  mkdirSync(folder, { recursive: true });
  if (words.startsWith('migrate')) {
    mkdirSync(join(folder, 'migrations'));
    writeFileSync(
      join(folder, 'migrations', '0001_first.sql'),
      '-- migrate:up\nCREATE TABLE first (id);\n-- migrate:down\nDROP TABLE first;\n',
    );
  }
  writeFileSync(join(folder, 'workload.sql'), '-- @name by_price\nSELECT * FROM "order lines" WHERE price = 5;\n');
  writeFileSync(
    join(folder, 'scenario.sql'),
    '-- transaction: look  weight: 1\n-- let: id = uniform(1, 3000)\nSELECT price FROM "order lines" WHERE id = :id;\n',
  );
  return folder;
}

// A read-only open may leave an empty -wal and a -shm beside a database, and a lock holder a -journal.
const sideFiles = (name: string): boolean => /-(wal|shm|journal)$/.test(name) || name.startsWith('.tradedb');

describe.each(tested)('%s', (words) => {
  const expectation = commands[words] as Expectation;
  const run = (path: string, cwd: string, extra: readonly string[] = []) =>
    tradedb([...words.split(' '), '-d', path, ...(expectation.args ?? []), ...extra], {
      cwd,
      env: { TRADEDB_CONNECTION_BUSY_TIMEOUT: '300ms' },
    });

  it.each([
    ['missing', [10]],
    ['folder', [12]],
    ['empty', [12]],
    ['text', [12]],
    ['truncated', expectation.truncated],
  ] as [BadInput, readonly number[]][])('%s', async (kind, codes) => {
    const folder = inputFolder(words);
    const path = makeBadInput(kind, folder);
    const before = fileState(folder, sideFiles);
    expectFailure(await run(path, folder), codes);
    expect(fileState(folder, (name) => sideFiles(name) || name.startsWith('backups'))).toEqual(before);
  });

  it('a locked database', async () => {
    const folder = inputFolder(words);
    const path = join(folder, 'locked.db');
    createShop(path, 'delete');
    const before = fileState(folder, sideFiles);
    await holdExclusiveLock(path);
    expectFailure(await run(path, folder), expectation.locked);
    expect(fileState(folder, (name) => sideFiles(name) || name.startsWith('backups'))).toEqual(before);
  });

  it('a read-only folder', async () => {
    const folder = inputFolder(words, 'read-only');
    const path = join(folder, 'shop.db');
    createShop(path, 'delete');
    const before = fileState(folder);
    makeReadOnly(folder);
    expectFailure(await run(path, folder), expectation.readOnly);
    expect(fileState(folder)).toEqual(before);
  });

  it('a path with spaces, quotes, a percent sign and a line break', async () => {
    const folder = inputFolder(words, `it's "50%" of\n$x \`y\``);
    const path = join(folder, 'trades ü %s.db');
    createShop(path);
    const result = await run(path, folder, ['--json']);
    expect(expectation.sound, result.stderr).toContain(result.code);
    // A command that refuses every database but its own says so as one object.
    if (result.stdout === '') expect(parseError(result).exitCode).toBe(result.code);
    else expect(parseReport(result).command).toBe(words);
  });

  it('prints its failure as JSON', async () => {
    const folder = inputFolder(words);
    const result = await run(join(folder, 'none.db'), folder, ['--json']);
    expect(result.stdout).toBe('');
    expect(parseError(result)).toMatchObject({ type: 'error', code: 'database_not_found', exitCode: 10 });
  });
});
