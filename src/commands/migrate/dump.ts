import type { DumpComparison, SchemaDump } from '../../core/migration/dump.ts';
import { defineCommand } from '../definition.ts';
import { folderOptions, openForReading } from './settings.ts';

export interface MigrateDumpData extends SchemaDump {
  readonly database: string;
  /** Only with --check. */
  readonly comparison: DumpComparison | null;
}

export const definition = defineCommand({
  path: ['migrate', 'dump'],
  summary: 'print the schema as SQL, or compare it with a file',
  description:
    'One statement per object in the order of their making, without the history: meant for version control. With --check nothing is printed but the difference.',
  options: {
    table: folderOptions.table,
    check: { type: 'path', value: 'file', summary: 'compare with this file' },
  },
  examples: [
    { command: 'migrate dump -d trading.db -o schema.sql', does: 'write the schema' },
    { command: 'migrate dump -d trading.db --check schema.sql', does: 'fail when the file is stale' },
  ],
  exitCodes: {
    0: 'printed, or equal to the file',
    10: 'database or file not found',
    11: 'database locked',
    12: 'not a database, or damaged',
    13: 'the file differs from the schema',
  },
  async run({ options }, context) {
    const { compareDump, dumpSchema } = await import('../../core/migration/dump.ts');
    const database = context.databasePath();
    const connection = await openForReading(database, context);
    try {
      const dump = dumpSchema(connection, options.table ?? context.config.migrations.table);
      const comparison = options.check === undefined ? null : compareDump(dump, context.resolve(options.check));
      return context.report<MigrateDumpData>({ database, ...dump, comparison });
    } finally {
      connection.close();
    }
  },
  exitCode: ({ data }) => (data.comparison?.equal === false ? 13 : 0),
});
