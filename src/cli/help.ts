import type { AnyCommand, OptionDefinition } from '../commands/definition.ts';
import { type CommandGroup, registry } from '../commands/registry.ts';
import { exitCodeTable } from './exit-code.ts';
import { flagOf, globalOptions, optionsOf, placeholderOf } from './options.ts';
import type { Style } from './render/style.ts';

/** Help pages. Everything in them comes from the command definitions. */

export function rootHelp(version: string, style: Style): string {
  const rows = registry.map((group): [string, string] => [group.name, group.summary]);
  return page([
    `${style.bold('tradedb')} ${version}: operations toolkit for SQLite trading databases`,
    section('Usage', ['tradedb <command> [options]'], style),
    section('Commands', twoColumns(rows, style), style),
    section('Options of every command', optionLines(globalOptions, style), style),
    section(
      'More',
      twoColumns(
        [
          ['tradedb <command> --help', 'options, examples and exit codes of one command'],
          ['tradedb help exit-codes', 'what the exit codes mean'],
          ['tradedb --version', 'print the version'],
        ],
        style,
      ),
      style,
    ),
  ]);
}

export async function groupHelp(group: CommandGroup, style: Style): Promise<string> {
  const only = group.bare === group.name ? group.commands[group.name] : undefined;
  if (only !== undefined) return commandHelp((await only()).definition, style);
  const rows: [string, string][] = [];
  for (const [name, load] of Object.entries(group.commands)) {
    const { definition } = await load();
    rows.push([name === group.bare ? `${name} (default)` : name, definition.summary]);
  }
  return page([
    `${style.bold(`tradedb ${group.name}`)}: ${group.summary}`,
    section('Usage', [`tradedb ${group.name} <command> [options]`], style),
    section('Commands', twoColumns(rows, style), style),
    section('More', [`tradedb ${group.name} <command> --help`], style),
  ]);
}

export function commandHelp(command: AnyCommand, style: Style): string {
  const words = command.path.join(' ');
  const positional = (command.arguments ?? []).map((argument) => {
    const name = `${argument.name}${argument.variadic === true ? '...' : ''}`;
    return argument.required === true ? ` <${name}>` : ` [${name}]`;
  });
  const options = optionsOf(command);
  const own = Object.entries(options).filter(([name]) => !(name in globalOptions));
  const groups = [...new Set(own.map(([, option]) => option.group ?? 'Options'))];
  return page([
    `${style.bold(`tradedb ${words}`)}: ${command.summary}`,
    section('Usage', [`tradedb ${words}${positional.join('')} [options]`], style),
    command.description === undefined
      ? ''
      : wrap(command.description, style.columns === 0 ? 100 : Math.min(100, style.columns)),
    section(
      'Examples',
      twoColumns(
        command.examples.map((example) => [`tradedb ${example.command}`, example.does]),
        style,
      ),
      style,
    ),
    command.arguments === undefined
      ? ''
      : section(
          'Arguments',
          twoColumns(
            command.arguments.map((argument) => [`<${argument.name}>`, argument.summary]),
            style,
          ),
          style,
        ),
    ...groups.map((group) =>
      section(
        group,
        optionLines(Object.fromEntries(own.filter(([, option]) => (option.group ?? 'Options') === group)), style),
        style,
      ),
    ),
    section('Options of every command', optionLines(withFormats(command), style), style),
    section('Exit status', twoColumns(exitCodeRows(command), style), style),
  ]);
}

function withFormats(command: AnyCommand): Readonly<Record<string, OptionDefinition>> {
  const formats = ['text', 'json', ...(command.formats ?? [])].join(', ');
  return { ...globalOptions, format: { ...globalOptions.format, summary: `form of the result: ${formats}` } };
}

function exitCodeRows(command: AnyCommand): [string, string][] {
  const own = Object.entries(command.exitCodes).map(([code, meaning]): [string, string] => [code, String(meaning)]);
  const rest: [string, string][] = [
    ['2', exitCodeTable[2]],
    ['130', exitCodeTable[130]],
    ['143', exitCodeTable[143]],
  ];
  return [...own, ...rest.filter(([code]) => !own.some(([known]) => known === code))].sort(
    (a, b) => Number(a[0]) - Number(b[0]),
  );
}

export function exitCodesHelp(style: Style): string {
  return page([
    style.bold('Exit codes'),
    twoColumns(Object.entries(exitCodeTable), style).join('\n'),
    'With health --nagios the plugin convention holds instead: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.',
  ]);
}

/** Flags, placeholder, environment, default: one row per option. */
export function optionRows(options: Readonly<Record<string, OptionDefinition>>): [string, string][] {
  return Object.entries(options).map(([name, option]) => {
    const short = option.short === undefined ? '' : `-${option.short}, `;
    const notes = [
      option.type !== 'flag' && option.repeatable === true ? 'repeatable' : '',
      option.env === undefined ? '' : option.env,
      option.config === undefined ? '' : `config ${option.config}`,
      option.type === 'flag' || option.default === undefined ? '' : `default ${option.default}`,
    ].filter((note) => note !== '');
    return [
      `${short}${flagOf(name)} ${placeholderOf(option)}`.trim(),
      `${option.summary}${notes.length === 0 ? '' : ` [${notes.join(', ')}]`}`,
    ];
  });
}

function optionLines(options: Readonly<Record<string, OptionDefinition>>, style: Style): string[] {
  return twoColumns(optionRows(options), style);
}

function section(title: string, lines: readonly string[], style: Style): string {
  return lines.length === 0 ? '' : `${style.bold(title)}\n${lines.join('\n')}`;
}

function page(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** Terms on the left, explanations on the right, wrapped to the terminal; a long term gets a line of its own. */
function twoColumns(rows: readonly (readonly [string, string])[], style: Style): string[] {
  const width = style.columns === 0 ? 100 : Math.min(120, style.columns);
  const left = Math.min(34, Math.max(0, ...rows.map(([term]) => term.length)));
  return rows.flatMap(([term, text]) => {
    const lines = wrap(text, Math.max(30, width - left - 4)).split('\n');
    const own = term.length > left;
    const first = own ? [`  ${style.cyan(term)}`] : [`  ${style.cyan(term.padEnd(left))}  ${lines.shift() ?? ''}`];
    return [...first, ...lines.map((line) => `${' '.repeat(left + 4)}${line}`)].map((line) => line.trimEnd());
  });
}

function wrap(text: string, width: number): string {
  return text
    .split('\n')
    .map((paragraph) => {
      const lines: string[] = [];
      let line = '';
      for (const word of paragraph.split(' ')) {
        if (line !== '' && line.length + 1 + word.length > width) {
          lines.push(line);
          line = word;
        } else {
          line = line === '' ? word : `${line} ${word}`;
        }
      }
      return [...lines, line].join('\n');
    })
    .join('\n');
}
