import { defineCommand } from '../definition.ts';
import { folderOptions, migrationsDirectory } from './settings.ts';

export interface MigrateCreateData {
  readonly dryRun: boolean;
  readonly version: string;
  /** Absolute path. */
  readonly file: string;
  readonly text: string;
}

export const definition = defineCommand({
  path: ['migrate', 'create'],
  summary: 'write a new migration file',
  description: 'The version is the present time in UTC, behind every version that the folder has.',
  arguments: [{ name: 'name', summary: 'what it does, such as add_fee_to_trades', required: true }],
  options: {
    dir: folderOptions.dir,
    kind: {
      type: 'choice',
      choices: ['sql', 'table', 'js', 'ts'],
      default: 'sql',
      summary: 'empty sections, a new table, or a program for knex',
    },
    on: { type: 'text', value: 'table', summary: 'the table of --kind table' },
  },
  examples: [
    { command: 'migrate create add_fee_to_trades', does: 'a file with empty up and down sections' },
    { command: 'migrate create audit --kind table --on audit_log', does: 'a file that makes a table' },
    { command: 'migrate create fill_fees --kind ts', does: 'a TypeScript program that gets a knex object' },
  ],
  exitCodes: { 0: 'written', 1: 'the file could not be written' },
  changes: true,
  async run({ options, arguments: [name = ''] }, context) {
    const { planNewFile, writeNewFile } = await import('../../core/migration/template.ts');
    const directory = migrationsDirectory(options, context);
    const planned = planNewFile(
      directory,
      { kind: options.kind, name, ...(options.on === undefined ? {} : { table: options.on }) },
      context,
    );
    if (!context.dryRun) writeNewFile(planned, directory);
    return context.report<MigrateCreateData>({
      dryRun: context.dryRun,
      version: planned.version,
      file: planned.path,
      text: planned.text,
    });
  },
});
