import { existsSync } from 'node:fs';
import { type CommandContext, defineCommand } from '../definition.ts';
import { folderOptions, migrationsDirectory, openForReading } from './settings.ts';

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
      choices: ['sql', 'table', 'data', 'js', 'ts'],
      default: 'sql',
      summary: 'empty sections, a table (new, or as it shall become), rows in batches, or a program for knex',
    },
    on: { type: 'text', value: 'table', summary: 'the table of --kind table and data' },
  },
  examples: [
    { command: 'migrate create add_fee_to_trades', does: 'a file with empty up and down sections' },
    { command: 'migrate create audit --kind table --on audit_log', does: 'a file that makes a table' },
    {
      command: 'migrate create strict --kind table --on orders -d trading.db',
      does: 'its definition of today, to change',
    },
    { command: 'migrate create fill_fees --kind data --on trades', does: 'a change of rows in batches' },
    { command: 'migrate create fill_fees --kind ts', does: 'a TypeScript program that gets a knex object' },
  ],
  exitCodes: { 0: 'written', 1: 'the file could not be written' },
  changes: true,
  async run({ options, arguments: [name = ''] }, context) {
    const { planNewFile, writeNewFile } = await import('../../core/migration/template.ts');
    const directory = migrationsDirectory(options, context);
    const planned = planNewFile(
      directory,
      { kind: options.kind, name, ...(options.on === undefined ? {} : await tableOf(options.on, context)) },
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

/** The table with its present definition, when there is a database that has it. */
async function tableOf(table: string, context: CommandContext): Promise<{ table: string; present?: string }> {
  const path = context.databasePathIfAny();
  if (path === undefined || !existsSync(path)) return { table };
  const { tableSql } = await import('../../core/migration/native-alter.ts');
  const connection = await openForReading(path, context);
  try {
    const present = tableSql(connection, table);
    return { table, ...(present === undefined ? {} : { present }) };
  } finally {
    connection.close();
  }
}
