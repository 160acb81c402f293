import type { FreedEntry } from '../../core/maintenance/history.ts';
import { defineCommand } from '../definition.ts';

export interface VacuumHistoryData {
  readonly database: string;
  /** Newest first. */
  readonly runs: readonly FreedEntry[];
  /** Of all runs that are known, also those that are not shown. */
  readonly totals: {
    readonly runs: number;
    readonly freedBytes: number;
    readonly rowsArchived: number;
    readonly rowsDeleted: number;
  };
}

export const definition = defineCommand({
  path: ['vacuum', 'history'],
  summary: 'show what earlier runs of vacuum and archive gave back',
  description:
    'Each run of vacuum run and vacuum archive leaves a line in the state directory; nothing is opened here.',
  options: {
    last: { type: 'integer', value: 'runs', minimum: 1, default: '20', summary: 'the newest runs that are shown' },
  },
  examples: [{ command: 'vacuum history -d trading.db', does: 'the last twenty runs, and what all of them freed' }],
  formats: ['markdown'],
  exitCodes: { 0: 'shown', 10: 'the database does not exist' },
  async run({ options }, context) {
    const [{ realpathSync }, { requireDatabaseFile }, { readFreed }] = await Promise.all([
      import('node:fs'),
      import('../../core/sqlite/database-file.ts'),
      import('../../core/maintenance/history.ts'),
    ]);
    const path = context.databasePath();
    requireDatabaseFile(path);
    const database = realpathSync(path);
    const all = readFreed(context.stateDirectory(), database);
    const sum = (of: (entry: FreedEntry) => number): number => all.reduce((total, entry) => total + of(entry), 0);
    return context.report<VacuumHistoryData>({
      database,
      runs: all.slice(-options.last).reverse(),
      totals: {
        runs: all.length,
        freedBytes: sum(({ freedBytes }) => freedBytes),
        rowsArchived: sum(({ rowsArchived }) => rowsArchived),
        rowsDeleted: sum(({ rowsDeleted }) => rowsDeleted),
      },
    });
  },
});
