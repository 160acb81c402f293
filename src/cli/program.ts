import type { AnyCommand, Format, OptionDefinition } from '../commands/definition.ts';
import { type CommandGroup, findGroup, registry } from '../commands/registry.ts';
import { TradedbError } from '../core/error.ts';
import { nearest } from './nearest.ts';
import { flagOf, globalOptions, optionsOf, parseOptionValue } from './options.ts';
import { readTypedOptions } from './typed-options.ts';

export interface Invocation {
  readonly kind: 'run';
  readonly command: AnyCommand;
  readonly options: Readonly<Record<string, unknown>>;
  readonly arguments: readonly string[];
  readonly format: Format;
}

export interface HelpRequest {
  readonly kind: 'help';
  /** What to explain: everything, one group, one command, or the exit codes. */
  readonly topic: { readonly group?: CommandGroup; readonly command?: AnyCommand; readonly exitCodes?: true };
}

type Environment = (name: string) => string | undefined;

/** Finds the command, parses its options and gives their values; throws `usage` with what to type instead. */
export async function parseCommandLine(
  argv: readonly string[],
  environment: Environment,
): Promise<Invocation | HelpRequest | { kind: 'version' }> {
  const located = locate(argv);
  if (located.word === undefined) {
    if (argv.includes('-V') || argv.includes('--version')) return { kind: 'version' };
    const stray = argv.find((argument) => argument !== '-h' && argument !== '--help');
    if (stray !== undefined)
      throw new TradedbError('usage', `unknown option ${JSON.stringify(stray)} without a command`, {
        hint: 'see: tradedb --help',
      });
    return { kind: 'help', topic: {} };
  }
  if (located.word === 'help') return helpTopic(located.rest);
  if (located.group === undefined) throw unknownCommand(located.word);
  const wantsHelp = asksForHelp(located.rest);
  if (wantsHelp && located.subcommand === undefined) return { kind: 'help', topic: { group: located.group } };
  const name = located.subcommand ?? located.group.bare;
  const load = name === undefined ? undefined : located.group.commands[name];
  if (load === undefined) throw missingSubcommand(located.group, located.rest[0]);
  const { definition } = await load();
  if (wantsHelp) return { kind: 'help', topic: { command: definition } };
  return parseInvocation(
    definition,
    located.rest,
    environment,
    located.subcommand === undefined ? located.group : undefined,
  );
}

interface Located {
  readonly word: string | undefined;
  readonly group: CommandGroup | undefined;
  readonly subcommand: string | undefined;
  /** Everything but the command words. */
  readonly rest: readonly string[];
}

/** The command words may stand behind global options: `tradedb -d x.db backup list`. */
function locate(argv: readonly string[]): Located {
  const before: string[] = [];
  let index = skipGlobalOptions(argv, 0, before);
  const word = argv[index];
  if (word === undefined || word.startsWith('-'))
    return { word: undefined, group: undefined, subcommand: undefined, rest: argv };
  const group = findGroup(word);
  index = skipGlobalOptions(argv, index + 1, before);
  const candidate = argv[index];
  const isSubcommand =
    group !== undefined &&
    candidate !== undefined &&
    candidate !== group.name &&
    Object.hasOwn(group.commands, candidate);
  return {
    word,
    group,
    subcommand: isSubcommand ? candidate : undefined,
    rest: [...before, ...argv.slice(isSubcommand ? index + 1 : index)],
  };
}

function skipGlobalOptions(argv: readonly string[], start: number, skipped: string[]): number {
  let index = start;
  for (;;) {
    const argument = argv[index] ?? '';
    const entry = Object.entries<OptionDefinition>(globalOptions).find(([name, option]) => {
      return argument === flagOf(name) || argument === `-${option.short}` || argument.startsWith(`${flagOf(name)}=`);
    });
    if (entry === undefined) return index;
    const takesNext = entry[1].type !== 'flag' && !argument.includes('=') && index + 1 < argv.length;
    skipped.push(...argv.slice(index, index + (takesNext ? 2 : 1)));
    index += takesNext ? 2 : 1;
  }
}

function asksForHelp(rest: readonly string[]): boolean {
  const end = rest.indexOf('--');
  const considered = end < 0 ? rest : rest.slice(0, end);
  return considered.includes('-h') || considered.includes('--help');
}

async function helpTopic(words: readonly string[]): Promise<HelpRequest> {
  const [first, second] = words.filter((word) => !word.startsWith('-'));
  if (first === undefined) return { kind: 'help', topic: {} };
  if (first === 'exit-codes') return { kind: 'help', topic: { exitCodes: true } };
  const group = findGroup(first);
  if (group === undefined) throw unknownCommand(first);
  if (second === undefined) return { kind: 'help', topic: { group } };
  const load = group.commands[second];
  if (load === undefined) throw missingSubcommand(group, second);
  return { kind: 'help', topic: { command: (await load()).definition } };
}

function unknownCommand(word: string): TradedbError {
  const guess = nearest(word, [...registry.map((group) => group.name), 'help']);
  return new TradedbError('usage', `unknown command ${JSON.stringify(word)}`, {
    hint: guess === undefined ? 'see: tradedb --help' : `did you mean: tradedb ${guess}`,
  });
}

function missingSubcommand(group: CommandGroup, word: string | undefined): TradedbError {
  const names = Object.keys(group.commands);
  const guess = word === undefined ? undefined : nearest(word, names);
  const message =
    word === undefined || word.startsWith('-')
      ? `tradedb ${group.name} needs a subcommand`
      : `unknown command ${JSON.stringify(`${group.name} ${word}`)}`;
  return new TradedbError('usage', message, {
    hint: guess === undefined ? `one of: ${names.join(', ')}` : `did you mean: tradedb ${group.name} ${guess}`,
  });
}

function parseInvocation(
  command: AnyCommand,
  argv: readonly string[],
  environment: Environment,
  bareOf: CommandGroup | undefined,
): Invocation {
  const definitions = optionsOf(command);
  const typed = readTypedOptions(argv, definitions, command.path.join(' '));
  checkArguments(command, typed.arguments, bareOf);
  const options = optionValues(typed.options, definitions, environment);
  return {
    kind: 'run',
    command,
    options,
    arguments: typed.arguments,
    format: chooseFormat(command, options, environment, typed.options.has('format')),
  };
}

function checkArguments(command: AnyCommand, found: readonly string[], bareOf: CommandGroup | undefined): void {
  const expected = command.arguments ?? [];
  const extra = expected.at(-1)?.variadic === true ? undefined : found[expected.length];
  if (extra !== undefined) {
    if (bareOf !== undefined && bareOf.bare !== bareOf.name) throw missingSubcommand(bareOf, extra);
    throw new TradedbError('usage', `unexpected argument ${JSON.stringify(extra)}`, {
      hint: `see: tradedb ${command.path.join(' ')} --help`,
    });
  }
  const missing = expected.find((argument, index) => argument.required === true && found[index] === undefined);
  if (missing !== undefined) {
    throw new TradedbError('usage', `${command.path.join(' ')} needs <${missing.name}>: ${missing.summary}`, {
      hint: `see: tradedb ${command.path.join(' ')} --help`,
    });
  }
}

function optionValues(
  typedOptions: ReadonlyMap<string, unknown>,
  definitions: Readonly<Record<string, OptionDefinition>>,
  environment: Environment,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries(definitions)) {
    const typed = typedOptions.get(name);
    const variable = definition.env === undefined ? undefined : environment(definition.env);
    const text =
      typed === undefined && variable !== undefined && variable !== ''
        ? variable
        : definition.type === 'flag'
          ? undefined
          : definition.default;
    if (typed !== undefined) values[name] = typed;
    else if (definition.type === 'flag')
      values[name] = variable !== undefined && variable !== '' && variable !== '0' && variable !== 'false';
    else if (text !== undefined)
      values[name] =
        definition.repeatable === true
          ? [parseOptionValue(name, definition, text)]
          : parseOptionValue(name, definition, text);
    else values[name] = definition.repeatable === true ? [] : undefined;
  }
  return values;
}

function chooseFormat(
  command: AnyCommand,
  options: Readonly<Record<string, unknown>>,
  environment: Environment,
  isTyped: boolean,
): Format {
  const known: readonly string[] = ['text', 'json', ...(command.formats ?? [])];
  const onCommandLine = isTyped ? String(options.format) : undefined;
  if (options.json === true) {
    if (onCommandLine !== undefined && onCommandLine !== 'json')
      throw new TradedbError('usage', '--json and --format contradict each other');
    return 'json';
  }
  if (onCommandLine !== undefined && !known.includes(onCommandLine)) {
    throw new TradedbError(
      'usage',
      `--format takes one of ${known.join(', ')} here, not ${JSON.stringify(onCommandLine)}`,
    );
  }
  // A format from the environment is a wish for every command; one that this command cannot give falls back to text.
  const wanted = onCommandLine ?? environment('TRADEDB_FORMAT') ?? 'text';
  return known.includes(wanted) ? (wanted as Format) : 'text';
}
