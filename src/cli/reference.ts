import type { AnyCommand, OptionDefinition } from '../commands/definition.ts';
import { registry } from '../commands/registry.ts';
import { configJsonSchema } from '../core/config/json-schema.ts';
import { configKeys } from '../core/config/key.ts';
import { exitCodeTable } from './exit-code.ts';
import { optionRows } from './help.ts';
import { type DocumentedGroup, manualPage } from './manual-page.ts';
import { globalOptions, optionsOf } from './options.ts';

/** The generated part of the documentation, by path below the project. */
export async function referenceFiles(): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {
    'docs/exit-codes.md': exitCodes(),
    'docs/configuration.md': configuration(),
    'docs/schema/config.schema.json': `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
  };
  const documented: DocumentedGroup[] = [];
  const index: string[] = [
    '# Command reference',
    '',
    'Generated from the command definitions.',
    '',
    '| command | what it does |',
    '| --- | --- |',
  ];
  for (const group of registry) {
    const commands = await Promise.all(Object.values(group.commands).map(async (load) => (await load()).definition));
    documented.push({ group, commands });
    files[`docs/cli/${group.name}.md`] = [
      `# tradedb ${group.name}`,
      '',
      `${capital(group.summary)}.`,
      ...bareLine(group.name, group.bare),
      ...commands.flatMap(commandPage),
    ]
      .join('\n')
      .concat('\n');
    index.push(`| [\`${group.name}\`](${group.name}.md) | ${cell(group.summary)} |`);
    for (const command of commands.filter(({ path }) => path.length > 1))
      index.push(`| \`${command.path.join(' ')}\` | ${cell(command.summary)} |`);
  }
  index.push(
    '',
    '## Options of every command',
    '',
    ...optionTable(globalOptions),
    '',
    'Exit codes: [exit-codes.md](../exit-codes.md). Configuration: [configuration.md](../configuration.md).',
  );
  files['docs/man/tradedb.1'] = manualPage(documented);
  files['docs/cli/README.md'] = `${index.join('\n')}\n`;
  return files;
}

function bareLine(name: string, bare: string | undefined): string[] {
  return bare === undefined || bare === name ? [] : ['', `\`tradedb ${name}\` alone is \`tradedb ${name} ${bare}\`.`];
}

function commandPage(command: AnyCommand): string[] {
  const own = Object.fromEntries(Object.entries(optionsOf(command)).filter(([name]) => !(name in globalOptions)));
  const positional = (command.arguments ?? [])
    .map((argument) => (argument.required === true ? ` <${argument.name}>` : ` [${argument.name}]`))
    .join('');
  const codes = Object.entries({ ...command.exitCodes, 2: command.exitCodes[2] ?? exitCodeTable[2] });
  return [
    '',
    `## tradedb ${command.path.join(' ')}`,
    '',
    `${capital(command.summary)}.`,
    '',
    '```',
    `tradedb ${command.path.join(' ')}${positional} [options]`,
    '```',
    ...(command.description === undefined ? [] : ['', command.description.replaceAll('\n', '\n\n')]),
    '',
    '```sh',
    ...command.examples.flatMap((example) => [`# ${example.does}`, `tradedb ${example.command}`]),
    '```',
    ...(command.arguments === undefined
      ? []
      : [
          '',
          '| argument | meaning |',
          '| --- | --- |',
          ...command.arguments.map((argument) => `| \`${argument.name}\` | ${cell(argument.summary)} |`),
        ]),
    ...(Object.keys(own).length === 0 ? [] : ['', ...optionTable(own)]),
    '',
    `Formats: ${['text', 'json', ...(command.formats ?? [])].join(', ')}.`,
    '',
    '| exit code | meaning |',
    '| --- | --- |',
    ...codes.map(([code, meaning]) => `| ${code} | ${cell(String(meaning))} |`),
  ];
}

function optionTable(options: Readonly<Record<string, OptionDefinition>>): string[] {
  return [
    '| option | meaning |',
    '| --- | --- |',
    ...optionRows(options).map(([flag, text]) => `| \`${flag.replaceAll('|', '\\|')}\` | ${cell(text)} |`),
  ];
}

function exitCodes(): string {
  const rows = Object.entries(exitCodeTable).map(([code, meaning]) => `| ${code} | ${cell(meaning)} |`);
  return `${['# Exit codes', '', '| code | meaning |', '| --- | --- |', ...rows, '', '`health --nagios` uses the plugin convention instead: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.'].join('\n')}\n`;
}

function configuration(): string {
  const rows = configKeys().map(({ key, default: fallback, variable, description }) => {
    const value =
      fallback === undefined ? '' : `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``;
    return `| \`${key}\` | ${value} | ${variable === undefined ? '' : `\`${variable}\``} | ${cell(description)} |`;
  });
  return `${[
    '# Configuration',
    '',
    '`tradedb.config.json` is looked for from the working directory upward, or named by `--config`. Precedence: option, environment, file, default.',
    '`tradedb config show` prints every value with its source, `tradedb config check` what is wrong with it, `tradedb config schema` the JSON Schema for editors.',
    '',
    'Durations are written `250ms`, `5s`, `6h`, `7d`; sizes `64MiB`, `1GB`; shares `5%`. A number without its unit is refused.',
    '',
    '| key | default | environment | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
}
