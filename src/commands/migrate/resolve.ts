import { TradedbError } from '../../core/error.ts';
import type { Resolution, ResolveResult } from '../../core/migration/resolve.ts';
import { defineCommand } from '../definition.ts';
import { changeHistory } from './history-change.ts';
import { folderOptions, lockTimeoutOption } from './settings.ts';

export interface MigrateResolveData extends ResolveResult {
  readonly database: string;
  readonly dryRun: boolean;
}

export const definition = defineCommand({
  path: ['migrate', 'resolve'],
  summary: 'settle a conflict between the folder and the history',
  description:
    'Appends a row with the reason, the time and the user to the history, and runs no SQL of a migration. --abort waits until no living process works on the file, takes the copy, the log and the triggers of an online change away, and says which statements and rows stay changed. Exactly one of the ways must be given.',
  arguments: [{ name: 'version', summary: 'the version in conflict', required: true }],
  options: {
    ...folderOptions,
    acceptEdit: { type: 'flag', summary: 'the edited file counts as what was applied', group: 'Ways' },
    markApplied: { type: 'flag', summary: 'a pending file was applied by hand', group: 'Ways' },
    markRolledBack: { type: 'flag', summary: 'an applied version was taken back by hand', group: 'Ways' },
    forget: { type: 'flag', summary: 'an applied version whose file is gone for good', group: 'Ways' },
    abort: { type: 'flag', summary: 'give a half-done file up; an online change is taken away', group: 'Ways' },
    renumber: { type: 'flag', summary: 'give the file a new version, behind all others', group: 'Ways' },
    file: { type: 'text', value: 'name', summary: 'which of the files of a double version to renumber' },
    reason: { type: 'text', value: 'text', summary: 'why; kept in the history' },
    lockTimeout: lockTimeoutOption,
  },
  examples: [
    {
      command: 'migrate resolve 20260301093000 -d trading.db --accept-edit --reason "comment only"',
      does: 'an edit that changes nothing',
    },
    { command: 'migrate resolve 20260301093000 -d trading.db --renumber --reason "merged late"', does: 'a late file' },
    {
      command: 'migrate resolve 20260302100000 -d trading.db --abort --reason "engine too busy today"',
      does: 'give a half-done file up',
    },
    {
      command: 'migrate resolve 7 -d trading.db --renumber --file 7_fees.sql --reason "two branches"',
      does: 'a double version',
    },
  ],
  exitCodes: {
    0: 'settled',
    2: 'this way does not fit the state of the version',
    10: 'database or folder not found',
    11: 'the write lock was not free in time',
    12: 'not a database, or damaged',
    14: 'the version is still in conflict',
  },
  changes: true,
  async run({ options, arguments: [version = ''] }, context) {
    const { resolveConflict } = await import('../../core/migration/resolve.ts');
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const resolution = chosenWay(options);
    const { reason } = options;
    if (reason === undefined || reason.trim() === '') {
      throw new TradedbError('usage', 'a reason is missing', {
        hint: 'give it with --reason "..."; it is kept in the history',
      });
    }
    const database = context.databasePath();
    return changeHistory(options, context, async (change) => {
      const result = await resolveConflict(
        {
          ...change,
          version,
          resolution,
          reason,
          user: context.host.userName,
          ...(options.file === undefined ? {} : { file: options.file }),
        },
        context,
      );
      return context.report<MigrateResolveData>(
        { database, dryRun: context.dryRun, ...result },
        { findings: result.conflicts.map(conflictFinding) },
      );
    });
  },
  exitCode: ({ data }) => (data.conflicts.length > 0 ? 14 : 0),
});

const ways = {
  acceptEdit: 'accept-edit',
  markApplied: 'mark-applied',
  markRolledBack: 'mark-rolled-back',
  forget: 'forget',
  renumber: 'renumber',
  abort: 'abort',
} as const;

function chosenWay(options: Readonly<Record<keyof typeof ways, boolean>>): Resolution {
  const given = (Object.keys(ways) as (keyof typeof ways)[]).filter((name) => options[name]);
  const [only] = given;
  if (only !== undefined && given.length === 1) return ways[only];
  throw new TradedbError('usage', `${given.length === 0 ? 'no way' : 'more than one way'} to resolve it is given`, {
    hint: `give one of ${Object.values(ways)
      .map((way) => `--${way}`)
      .join(', ')}`,
  });
}
