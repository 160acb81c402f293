import type { AnyCommand, OptionDefinition } from '../commands/definition.ts';
import type { CommandGroup } from '../commands/registry.ts';
import { exitCodeTable } from './exit-code.ts';
import { optionRows } from './help.ts';
import { globalOptions, optionsOf } from './options.ts';

export interface DocumentedGroup {
  readonly group: CommandGroup;
  readonly commands: readonly AnyCommand[];
}

/** The manual page tradedb(1), in the macros of man(7). No date and no version: it changes only when a definition does. */
export function manualPage(groups: readonly DocumentedGroup[]): string {
  const lines = [
    '.\\" Generated from the command definitions by scripts/generate-docs.mjs.',
    '.TH TRADEDB 1 "" "tradedb" "User Commands"',
    '.SH NAME',
    'tradedb \\- operations toolkit for SQLite trading databases',
    '.SH SYNOPSIS',
    '.B tradedb',
    '.I command',
    '.RI [ subcommand ]',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    'Migrates, backs up, restores, analyses, load-tests, vacuums, checks and watches SQLite databases that others are using.',
    'A command without a subcommand runs the one that is marked as default.',
    ...groups.flatMap(({ group, commands }) => [
      '.TP',
      `.B ${roff(group.name)}`,
      roffText(`${group.summary}${defaultOf(group)}`),
      ...(commands.length > 1 ? [roffText(`Subcommands: ${Object.keys(group.commands).join(', ')}.`)] : []),
    ]),
    '.SH COMMANDS',
    ...groups.flatMap(({ commands }) => commands.flatMap(commandSection)),
    '.SH OPTIONS OF EVERY COMMAND',
    ...optionList(globalOptions),
    '.SH EXIT STATUS',
    ...Object.entries(exitCodeTable).flatMap(([code, meaning]) => tagged(code, meaning)),
    '.SH ENVIRONMENT',
    roffText(
      'A key of the configuration that holds one value has a variable: backup.fullEvery is TRADEDB_BACKUP_FULL_EVERY.',
    ),
    roffText('NO_COLOR and FORCE_COLOR are heeded.'),
    '.SH FILES',
    ...tagged('tradedb.config.json', 'the configuration, looked for from the working directory upward'),
    ...tagged('.tradedb', 'state directory: leases, run state, resume points'),
    ...tagged('<database>.restore-intent', 'an exchange of the file was interrupted: tradedb restore run --resume'),
    '.SH SEE ALSO',
    '.BR sqlite3 (1),',
    '.BR cron (8),',
    '.BR systemd.timer (5)',
  ];
  return `${lines.join('\n')}\n`;
}

function defaultOf(group: CommandGroup): string {
  return group.bare === undefined || group.bare === group.name ? '.' : `. Default: ${group.bare}.`;
}

function commandSection(command: AnyCommand): string[] {
  const own = Object.fromEntries(Object.entries(optionsOf(command)).filter(([name]) => !(name in globalOptions)));
  const words = `tradedb ${command.path.join(' ')}`;
  const positional = (command.arguments ?? []).map(({ name, required }) =>
    required === true ? `<${name}>` : `[${name}]`,
  );
  return [
    `.SS ${roff([words, ...positional].join(' '))}`,
    roffText(`${command.summary}.`),
    ...(command.description === undefined
      ? []
      : command.description.split('\n').flatMap((paragraph) => ['.PP', roffText(paragraph)])),
    ...(command.arguments ?? []).flatMap(({ name, summary }) => tagged(name, summary)),
    ...optionList(own),
    ...command.examples.flatMap(({ command: example, does }) => [
      '.PP',
      roffText(`${does}:`),
      '.RS',
      '.nf',
      roffText(`tradedb ${example}`),
      '.fi',
      '.RE',
    ]),
  ];
}

function optionList(options: Readonly<Record<string, OptionDefinition>>): string[] {
  return optionRows(options).flatMap(([flag, text]) => tagged(flag, text));
}

function tagged(term: string, text: string): string[] {
  return ['.TP', `\\fB${roff(term)}\\fR`, roffText(text)];
}

/** Text of a line; one that begins like a request of roff gets a character of no width before it. */
function roffText(text: string): string {
  const escaped = roff(text.replaceAll('\n', ' '));
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** A minus is written so that it stays one when it is copied; the backslash is the escape character. */
function roff(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('^', '\\(ha').replaceAll('~', '\\(ti');
}
