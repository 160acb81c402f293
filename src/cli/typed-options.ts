import { parseArgs } from 'node:util';
import type { OptionDefinition } from '../commands/definition.ts';
import { TradedbError } from '../core/error.ts';
import { nearest } from './nearest.ts';
import { flagOf, parseOptionValue } from './options.ts';

type Definitions = Readonly<Record<string, OptionDefinition>>;

export interface TypedCommandLine {
  /** Values of the options that stood on the command line, by their names. */
  readonly options: ReadonlyMap<string, unknown>;
  readonly arguments: readonly string[];
}

/** Reads the words behind the command; throws `usage` for an unknown option, a missing or a wrong value. */
export function readTypedOptions(
  words: readonly string[],
  definitions: Definitions,
  command: string,
): TypedCommandLine {
  const nameOf = new Map(Object.keys(definitions).map((name) => [flagOf(name).slice(2), name]));
  const options = new Map<string, unknown>();
  const positional: string[] = [];
  for (const token of parseArgs({ args: [...words], options: described(definitions), strict: false, tokens: true })
    .tokens) {
    if (token.kind === 'positional') positional.push(token.value);
    if (token.kind !== 'option') continue;
    const name = nameOf.get(token.name);
    if (name === undefined) throw unknownOption(token.rawName, definitions, command);
    const definition = definitions[name] as OptionDefinition;
    const value = givenValue(name, definition, token);
    const earlier =
      definition.type !== 'flag' && definition.repeatable === true
        ? ((options.get(name) as unknown[] | undefined) ?? [])
        : undefined;
    options.set(name, earlier === undefined ? value : [...earlier, value]);
  }
  return { options, arguments: positional };
}

/** For parseArgs; the values are taken from its tokens, in their order. */
function described(definitions: Definitions): NonNullable<Parameters<typeof parseArgs>[0]>['options'] {
  return Object.fromEntries(
    Object.entries(definitions).map(([name, { type, short }]) => [
      flagOf(name).slice(2),
      { type: type === 'flag' ? ('boolean' as const) : ('string' as const), ...(short === undefined ? {} : { short }) },
    ]),
  );
}

function givenValue(
  name: string,
  definition: OptionDefinition,
  token: { readonly rawName: string; readonly value?: string | undefined; readonly inlineValue?: boolean | undefined },
): unknown {
  if (definition.type === 'flag') {
    if (token.inlineValue === true) throw new TradedbError('usage', `${token.rawName} takes no value`);
    return true;
  }
  const { value } = token;
  const nextOption = token.inlineValue !== true && value?.startsWith('--') === true && value.length > 2;
  if (value === undefined || nextOption) {
    throw new TradedbError(
      'usage',
      `${token.rawName} needs a value`,
      nextOption
        ? { hint: `a value that begins with dashes is written ${token.rawName}=${value}` }
        : { hint: 'see its meaning with --help' },
    );
  }
  return parseOptionValue(name, definition, value);
}

function unknownOption(rawName: string, definitions: Definitions, command: string): TradedbError {
  const guess = rawName.startsWith('--') ? nearest(rawName, Object.keys(definitions).map(flagOf)) : undefined;
  return new TradedbError('usage', `unknown option '${rawName}'`, {
    hint: guess === undefined ? `see: tradedb ${command} --help` : `did you mean ${guess}`,
  });
}
