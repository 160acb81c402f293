import { join } from 'node:path';
import type { SquashPlan } from '../../core/migration/squash/squash.ts';
import { defineCommand } from '../definition.ts';
import { folderOptions, migrationSource } from './settings.ts';

export interface MigrateSquashData extends Omit<SquashPlan, 'text'> {
  readonly dryRun: boolean;
  readonly directory: string;
  /** Where the originals are now; null when nothing was written. */
  readonly archive: string | null;
  /** Only with --dry-run. */
  readonly text: string | null;
}

export const definition = defineCommand({
  path: ['migrate', 'squash'],
  summary: 'put many migration files together into one, and prove that it does the same',
  description:
    'Replays the files in memory, writes what they leave as one file, replays that too, and compares schema and rows. Only when both are equal, the new file takes the place of the originals. Databases that have all of them applied record the new file without running it.',
  options: {
    dir: folderOptions.dir,
    to: { type: 'text', value: 'version', summary: 'newest version that is put together (the newest file)' },
    archive: { type: 'path', value: 'folder', summary: 'the originals move here (archived, in the folder itself)' },
  },
  examples: [
    { command: 'migrate squash --to 20260301093000', does: 'one file for everything up to a version' },
    { command: 'migrate squash --dry-run', does: 'the file that would be written, and whether it is equal' },
  ],
  exitCodes: {
    0: 'written',
    1: 'a file failed in the replay, or could not be written',
    10: 'folder not found',
    12: 'the replays differ; nothing was written',
    14: 'the files are in conflict with each other',
  },
  changes: true,
  async run({ options }, context) {
    const { planSquash } = await import('../../core/migration/squash/squash.ts');
    const { source } = await migrationSource({ ...options, table: undefined }, context);
    const plan = await planSquash({ source, ...(options.to === undefined ? {} : { to: options.to }) }, context);
    const { text, ...data } = plan;
    const write = plan.equal && !context.dryRun;
    const archive =
      options.archive === undefined ? join(source.directory, 'archived') : context.resolve(options.archive);
    if (write) {
      const { writeSquash } = await import('../../core/migration/squash/write-files.ts');
      writeSquash(plan, source.directory, archive);
    }
    const findings = [
      ...plan.objects.map((object) => ({
        id: 'squash.object-differs',
        severity: 'critical' as const,
        subject: `${object.type} ${object.name}`,
        message: { missing: 'is missing after the new file', extra: 'appears only after it', changed: 'differs' }[
          object.change
        ],
      })),
      ...plan.tables
        .filter((table) => !table.equal)
        .map(({ name, rowsExpected, rowsActual }) => ({
          id: 'squash.rows-differ',
          severity: 'critical' as const,
          subject: name,
          message: `the files leave ${rowsExpected ?? 'no'} rows, the new file ${rowsActual ?? 'none'}`,
        })),
    ];
    return context.report<MigrateSquashData>(
      {
        dryRun: context.dryRun,
        directory: source.directory,
        ...data,
        archive: write ? archive : null,
        text: context.dryRun ? text : null,
      },
      { findings },
    );
  },
  exitCode: ({ data }) => (data.equal ? 0 : 12),
});
