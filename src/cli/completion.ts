import type { AnyCommand, OptionDefinition } from '../commands/definition.ts';
import { findGroup, registry } from '../commands/registry.ts';
import { flagOf, globalOptions, optionsOf } from './options.ts';

/**
 * Completion. The shell scripts come from @bomb.sh/tab; they run `tradedb complete -- <words>` and understand lines of
 * `value<TAB>description` with a directive at the end. What can stand at the cursor is decided here, because tab never
 * offers file names.
 */

/** Directives of that protocol: 0 also offers files, 4 does not. */
const withFiles = 0;
const withoutFiles = 4;

interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** The script for one shell. */
export async function completionScript(shell: string): Promise<string> {
  const { script } = await import('@bomb.sh/tab');
  // The library prints the script instead of returning it.
  const print = console.log;
  let text = '';
  console.log = (line: string) => {
    text += `${line}\n`;
  };
  try {
    script(shell, 'tradedb', 'tradedb');
  } finally {
    console.log = print;
  }
  return text;
}

/** The answer to `tradedb complete -- <words>`; the last word is the one at the cursor, possibly empty. */
export async function completeWords(words: readonly string[]): Promise<string> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const { candidates, files } = await candidatesAt(before, current);
  const matching = candidates.filter(({ value }) => value.startsWith(current));
  return [
    ...matching.map(({ value, description }) => `${value}\t${description}`),
    `:${files ? withFiles : withoutFiles}`,
  ]
    .join('\n')
    .concat('\n');
}

async function candidatesAt(
  before: readonly string[],
  current: string,
): Promise<{ candidates: readonly Candidate[]; files: boolean }> {
  const [first, second] = before.filter((word) => !word.startsWith('-'));
  const group = first === undefined ? undefined : findGroup(first);
  const name =
    group !== undefined && second !== undefined && Object.hasOwn(group.commands, second) ? second : group?.bare;
  const load = name === undefined ? undefined : group?.commands[name];
  const command = load === undefined ? undefined : (await load()).definition;
  const options = command === undefined ? globalOptions : optionsOf(command);
  const awaiting = optionAwaitingValue(before.at(-1), options);
  if (awaiting !== undefined) return valuesOf(awaiting, command);
  if (current.startsWith('-')) {
    return {
      candidates: Object.entries(options).map(([key, option]) => ({ value: flagOf(key), description: option.summary })),
      files: false,
    };
  }
  if (group === undefined)
    return { candidates: registry.map(({ name: value, summary }) => ({ value, description: summary })), files: false };
  if (second === undefined && group.bare !== group.name)
    return { candidates: await subcommands(group.commands), files: false };
  return { candidates: [], files: (command?.arguments?.length ?? 0) > 0 };
}

async function subcommands(
  commands: Readonly<Record<string, () => Promise<{ definition: AnyCommand }>>>,
): Promise<readonly Candidate[]> {
  return Promise.all(
    Object.entries(commands).map(async ([value, load]) => ({ value, description: (await load()).definition.summary })),
  );
}

function optionAwaitingValue(
  word: string | undefined,
  options: Readonly<Record<string, OptionDefinition>>,
): [string, OptionDefinition] | undefined {
  return Object.entries(options).find(
    ([name, option]) =>
      option.type !== 'flag' && (word === flagOf(name) || (option.short !== undefined && word === `-${option.short}`)),
  );
}

function valuesOf(
  [name, option]: [string, OptionDefinition],
  command: AnyCommand | undefined,
): { candidates: readonly Candidate[]; files: boolean } {
  if (option.type === 'choice')
    return { candidates: option.choices.map((value) => ({ value, description: '' })), files: false };
  if (name === 'format')
    return {
      candidates: ['text', 'json', ...(command?.formats ?? [])].map((value) => ({ value, description: '' })),
      files: false,
    };
  return { candidates: [], files: option.type === 'path' };
}
