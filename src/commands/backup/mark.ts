import type { Mark } from '../../core/backup/mark.ts';
import { TradedbError } from '../../core/error.ts';
import { defineCommand } from '../definition.ts';
import { parseTime } from '../restore/parse-time.ts';
import { databaseLabel, openChosen, ownerOf, repositoryOption } from './repository-option.ts';

export interface BackupMarkData {
  readonly dryRun: boolean;
  readonly action: 'set' | 'removed';
  readonly mark: Omit<Mark, 'format'>;
}

export const definition = defineCommand({
  path: ['backup', 'mark'],
  summary: 'give the newest archived commit, or another one, a name to restore to',
  description: 'Needs the archiver (backup archive): a mark is set when its commit is durable in the repository.',
  arguments: [{ name: 'name', summary: 'letters, digits, dots, dashes, underscores', required: true }],
  options: {
    repository: repositoryOption,
    at: {
      type: 'text',
      value: 'now|time|tx',
      default: 'now',
      summary: 'which commit: now, a moment with a zone, or a number',
    },
    keep: { type: 'flag', summary: 'prune keeps what is needed to restore it' },
    note: { type: 'text', value: 'text', summary: 'a sentence for people' },
    wait: { type: 'duration', value: 'duration', default: '30s', summary: 'until the commit is durable' },
    remove: { type: 'flag', summary: 'take the mark away' },
  },
  examples: [
    { command: 'backup mark before-migration --keep', does: 'name the state of this moment' },
    { command: 'backup mark pre-open --at 2026-03-14T13:30:00Z', does: 'name the state of an earlier one' },
  ],
  exitCodes: {
    0: 'set, or removed',
    1: 'nothing is archived',
    10: 'no such mark, commit or repository',
    11: 'not durable in time',
  },
  changes: true,
  async run({ options, arguments: [name = ''] }, context) {
    const marks = await import('../../core/backup/mark.ts');
    const { databaseIdOf } = await import('../../core/backup/repository/object-name.ts');
    marks.requireMarkName(name);
    const database = context.databasePath();
    const databaseId = databaseIdOf(databaseLabel(context, database));
    const repository = await openChosen(context, options.repository);
    if (options.remove) {
      const { key, format: _, ...mark } = await marks.findMark(repository, databaseId, name);
      if (!context.dryRun) await repository.storage.delete(key);
      return context.report<BackupMarkData>({ dryRun: context.dryRun, action: 'removed', mark });
    }
    const place = async () => {
      if (options.at === 'now') {
        const waitMs = options.wait;
        const busyTimeoutMs = context.config.connection.busyTimeout;
        const owner = ownerOf(context);
        return marks.commitOfNow({ repository, databaseId, database, busyTimeoutMs, owner, waitMs }, context);
      }
      const { routeTo } = await import('../../core/restore/point-in-time.ts');
      const tx = /^\d+$/.test(options.at) ? Number(options.at) : undefined;
      const target =
        tx === undefined
          ? ({ kind: 'time', time: parseTime(options.at) } as const)
          : ({ kind: 'tx', tx, epoch: null } as const);
      const route = await routeTo(repository, databaseId, target);
      if (route === undefined)
        throw new TradedbError('backup_not_found', 'no archive covers this moment', { hint: 'tradedb backup list' });
      return { epoch: route.epoch.id, tx: route.tx, time: new Date(route.commit.notAfter).toISOString() };
    };
    const mark = { name, ...(await place()), note: options.note ?? null, keep: options.keep };
    if (!context.dryRun) await marks.writeMark(repository, databaseId, { format: 1, ...mark });
    return context.report<BackupMarkData>({ dryRun: context.dryRun, action: 'set', mark });
  },
});
