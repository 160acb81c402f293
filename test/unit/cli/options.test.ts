import { describe, expect, it } from 'vitest';
import { wantsColor } from '../../../src/cli/color.ts';
import { nearest } from '../../../src/cli/nearest.ts';
import { flagOf, parseOptionValue } from '../../../src/cli/options.ts';
import { parseCommandLine } from '../../../src/cli/program.ts';
import { readTypedOptions } from '../../../src/cli/typed-options.ts';
import { TradedbError } from '../../../src/core/error.ts';

const none = (): undefined => undefined;

describe('option values', () => {
  it('have kebab-case flags', () => {
    expect(flagOf('walBudget')).toBe('--wal-budget');
    expect(flagOf('toTx')).toBe('--to-tx');
  });

  it.each([
    [{ type: 'integer', value: 'n', summary: '' }, '1_000_000', 1_000_000],
    [{ type: 'integer', value: 'n', summary: '' }, '1,000', 1000],
    [{ type: 'number', value: 'n', summary: '' }, '0.3', 0.3],
    [{ type: 'duration', value: 't', summary: '' }, '1h30m', 5_400_000],
    [{ type: 'bytes', value: 's', summary: '' }, '64MiB', 67_108_864],
    [{ type: 'share', value: 'p', summary: '' }, '5%', 0.05],
  ] as const)('reads %j', (option, text, value) => {
    expect(parseOptionValue('x', option, text)).toBe(value);
  });

  it.each([
    [
      { type: 'integer', value: 'n', summary: '', minimum: 1, maximum: 64 },
      '65',
      '--x takes a whole number from 1 to 64, not "65"',
    ],
    [
      { type: 'integer', value: 'n', summary: '', minimum: 0 },
      '1.5',
      '--x takes a whole number of at least 0, not "1.5"',
    ],
    [{ type: 'number', value: 'n', summary: '' }, 'NaN', '--x takes a number, not "NaN"'],
    [{ type: 'choice', choices: ['a', 'b'], summary: '' }, 'c', '--x takes one of a, b, not "c"'],
    [{ type: 'duration', value: 't', summary: '' }, '5', '--x takes a duration such as 250ms, 5s or 6h, not "5"'],
    [{ type: 'bytes', value: 's', summary: '' }, '5', '--x takes a size such as 64MiB or 1GB, not "5"'],
    [{ type: 'path', value: 'p', summary: '' }, '', '--x takes a text that is not empty, not ""'],
    [{ type: 'path', value: 'p', summary: '' }, 'a\0b', '--x takes a text without a NUL character, not "a\\u0000b"'],
  ] as const)('refuses %j %j', (option, text, message) => {
    expect(() => parseOptionValue('x', option, text)).toThrow(new TradedbError('usage', message));
  });
});

describe('the command line', () => {
  it('gives defaults, environment and what was typed, in rising order', async () => {
    const environment = (name: string): string | undefined => ({ TRADEDB_DATABASE: '/from/environment.db' })[name];
    const plain = await parseCommandLine(['config', 'show'], environment);
    expect(plain).toMatchObject({
      kind: 'run',
      format: 'text',
      options: { database: '/from/environment.db', color: 'auto', changed: false },
    });
    const typed = await parseCommandLine(['config', 'show', '-d', 'typed.db', '--changed', '-f', 'json'], environment);
    expect(typed).toMatchObject({ format: 'json', options: { database: 'typed.db', changed: true } });
  });

  it('takes the bare word for the default subcommand, and its arguments', async () => {
    expect(await parseCommandLine(['config'], none)).toMatchObject({ command: { path: ['config', 'show'] } });
    expect(await parseCommandLine(['config', 'show', 'backup'], none)).toMatchObject({ arguments: ['backup'] });
  });

  it('ends options at --', async () => {
    expect(await parseCommandLine(['config', 'show', '--', '--help'], none)).toMatchObject({
      kind: 'run',
      arguments: ['--help'],
    });
  });
});

describe('the nearest word', () => {
  it.each([
    ['confg', 'config'],
    ['bakup', 'backup'],
    ['restor', 'restore'],
    ['xyzzyx', undefined],
  ])('of %s is %s', (word, expected) => {
    expect(nearest(word, ['config', 'backup', 'restore', 'health'])).toBe(expected);
  });
});

describe('colour', () => {
  it.each([
    ['always', { NO_COLOR: '1' }, false, true],
    ['never', { FORCE_COLOR: '1' }, true, false],
    ['auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    ['auto', { FORCE_COLOR: '1' }, false, true],
    ['auto', { FORCE_COLOR: '0' }, true, false],
    ['auto', { TERM: 'dumb' }, true, false],
    ['auto', { NO_COLOR: '' }, true, true],
    ['auto', {}, false, false],
  ] as const)('%s with %j on a terminal: %s', (flag, environment, terminal, expected) => {
    expect(wantsColor(flag, (name) => (environment as Record<string, string>)[name], terminal)).toBe(expected);
  });
});

describe('what stands on the command line', () => {
  const definitions = {
    label: { type: 'text', value: 'text', summary: '' },
    threshold: { type: 'text', value: 'expression', summary: '', repeatable: true },
    noCheckpoint: { type: 'flag', summary: '' },
    quiet: { type: 'flag', short: 'q', summary: '' },
    verbose: { type: 'flag', short: 'v', summary: '' },
  } as const;
  const read = (...words: string[]) => readTypedOptions(words, definitions, 'backup create');

  it('is read in every usual spelling', () => {
    const { options, arguments: positional } = read(
      'a',
      '--label=x=y',
      '-qv',
      '--no-checkpoint',
      '--threshold',
      'p99 < 5ms',
      '--threshold',
      '-1',
      'b',
      '--',
      '--label',
    );
    expect(Object.fromEntries(options)).toEqual({
      label: 'x=y',
      quiet: true,
      verbose: true,
      noCheckpoint: true,
      threshold: ['p99 < 5ms', '-1'],
    });
    expect(positional).toEqual(['a', 'b', '--label']);
  });

  it.each([
    [['--label'], '--label needs a value'],
    [['--label', '--quiet'], '--label needs a value'],
    [['--quiet=yes'], '--quiet takes no value'],
    [['--labl', 'x'], "unknown option '--labl'"],
    [['-x'], "unknown option '-x'"],
    [['--checkpoint'], "unknown option '--checkpoint'"],
  ])('refuses %j', (words, message) => {
    expect(() => read(...words)).toThrow(message);
  });
});
