import type { AnyCommand, OptionDefinition } from '../commands/definition.ts';
import { parseByteSize } from '../core/config/byte-size.ts';
import { parseDuration } from '../core/config/duration.ts';
import { parseShare } from '../core/config/value.ts';
import { TradedbError } from '../core/error.ts';

/** Options that every command has. They are described like those of commands, so that help treats them alike. */
export const globalOptions = {
  database: {
    type: 'path',
    value: 'path',
    short: 'd',
    env: 'TRADEDB_DATABASE',
    config: 'database.path',
    summary: 'the SQLite file',
  },
  config: {
    type: 'path',
    value: 'path',
    short: 'c',
    env: 'TRADEDB_CONFIG',
    summary: 'configuration; otherwise tradedb.config.json, looked for from here upward',
  },
  format: { type: 'text', value: 'name', short: 'f', env: 'TRADEDB_FORMAT', summary: 'form of the result' },
  json: { type: 'flag', summary: 'short for --format json' },
  output: { type: 'path', value: 'file', short: 'o', summary: 'write the result there instead of stdout' },
  color: {
    type: 'choice',
    choices: ['auto', 'always', 'never'],
    default: 'auto',
    summary: 'colour (NO_COLOR and FORCE_COLOR are heeded)',
  },
  progress: {
    type: 'choice',
    choices: ['auto', 'plain', 'json', 'none'],
    default: 'auto',
    summary: 'a bar on a terminal, lines otherwise',
  },
  quiet: { type: 'flag', short: 'q', summary: 'only the result and errors; nothing where all is well' },
  verbose: { type: 'flag', short: 'v', summary: 'tell more on stderr' },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

export const dryRunOption: OptionDefinition = { type: 'flag', summary: 'print the plan and change nothing' };
export const yesOption: OptionDefinition = {
  type: 'flag',
  short: 'y',
  summary: 'do not ask; needed without a terminal',
};

/** All options of a command, its own first. */
export function optionsOf(command: AnyCommand): Readonly<Record<string, OptionDefinition>> {
  return {
    ...command.options,
    ...(command.changes === true ? { dryRun: dryRunOption } : {}),
    ...(command.asks === true ? { yes: yesOption } : {}),
    ...globalOptions,
  };
}

/** `walBudget` -> `--wal-budget`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The placeholder behind a flag, such as `<file>`; empty for a flag. */
export function placeholderOf(option: OptionDefinition): string {
  if (option.type === 'flag') return '';
  return option.type === 'choice' ? `<${option.choices.join('|')}>` : `<${option.value}>`;
}

/** Turns the text of one option into its value; throws `usage` that names the option and what it takes. */
export function parseOptionValue(name: string, option: OptionDefinition, text: string): unknown {
  const flag = flagOf(name);
  const refuse = (expected: string): TradedbError =>
    new TradedbError('usage', `${flag} takes ${expected}, not ${JSON.stringify(text)}`);
  switch (option.type) {
    case 'flag':
      return true;
    case 'choice':
      if (!option.choices.includes(text)) throw refuse(`one of ${option.choices.join(', ')}`);
      return text;
    case 'text':
    case 'path':
      if (text === '') throw refuse('a text that is not empty');
      if (text.includes('\0')) throw refuse('a text without a NUL character');
      return text;
    case 'integer':
    case 'number':
      return parseNumber(option, text, refuse);
    default:
      return parseMeasure(option.type, text, refuse);
  }
}

type Refuse = (expected: string) => TradedbError;

function parseNumber(
  option: OptionDefinition & { minimum?: number; maximum?: number },
  text: string,
  refuse: Refuse,
): number {
  // 1_000_000 and 1,000,000 are how people write large counts.
  const value = /^-?[\d][\d_,]*(\.\d+)?$/.test(text) ? Number(text.replace(/[_,]/g, '')) : Number.NaN;
  const kind = option.type === 'integer' ? 'a whole number' : 'a number';
  const { minimum, maximum } = option;
  const range =
    minimum === undefined ? '' : maximum === undefined ? ` of at least ${minimum}` : ` from ${minimum} to ${maximum}`;
  const outside = value < (minimum ?? Number.NEGATIVE_INFINITY) || value > (maximum ?? Number.POSITIVE_INFINITY);
  if (!Number.isFinite(value) || outside || (option.type === 'integer' && !Number.isInteger(value)))
    throw refuse(kind + range);
  return value;
}

function parseMeasure(type: 'duration' | 'bytes' | 'share', text: string, refuse: Refuse): number {
  try {
    if (type === 'duration') return parseDuration(text);
    return type === 'bytes' ? parseByteSize(text) : parseShare(text);
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    throw refuse(
      {
        duration: 'a duration such as 250ms, 5s or 6h',
        bytes: 'a size such as 64MiB or 1GB',
        share: 'a percentage such as 5%',
      }[type],
    );
  }
}
