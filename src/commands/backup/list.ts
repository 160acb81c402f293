import type { Metric } from '../../core/report.ts';
import { defineCommand } from '../definition.ts';
import { databaseIdIfAny, openChosen, repositoryOption } from './repository-option.ts';

export interface BackupListData {
  readonly repository: { readonly name: string; readonly kind: string; readonly location: string };
  /** Newest first. */
  readonly points: readonly {
    readonly id: string;
    readonly database: string;
    readonly type: 'full' | 'incremental';
    readonly parentId: string | null;
    readonly label: string | null;
    readonly createdAt: string;
    readonly ageMs: number;
    readonly storedBytes: number;
    readonly databaseBytes: number;
    readonly keepUntil: string | null;
    /** Marked by prune: it goes when the grace time is over. */
    readonly tombstoned: boolean;
  }[];
  /** Times in which every single commit can be restored, oldest first. */
  readonly windows: readonly {
    readonly database: string;
    readonly epoch: string;
    readonly fromTime: string;
    readonly toTime: string;
    readonly fromTx: number;
    readonly toTx: number;
    readonly perCommit: true;
  }[];
  /** Times in which the archive has a hole. */
  readonly gaps: readonly {
    readonly database: string;
    readonly fromTime: string;
    readonly toTime: string;
    readonly reason: string;
  }[];
  /** Names that restore --to-mark takes. */
  readonly marks: readonly {
    readonly database: string;
    readonly name: string;
    readonly epoch: string;
    readonly tx: number;
    readonly time: string;
    readonly note: string | null;
    readonly keep: boolean;
  }[];
  readonly storedBytes: number;
  /** Age of the newest state in the repository: what would be lost if the database were gone now; null without any. */
  readonly rpoMs: number | null;
}

export const definition = defineCommand({
  path: ['backup', 'list'],
  summary: 'list the backups of a database',
  options: {
    repository: repositoryOption,
    all: { type: 'flag', summary: 'the backups of every database in the repository' },
    type: { type: 'choice', choices: ['full', 'incremental'], summary: 'only these' },
    since: { type: 'duration', value: 'duration', summary: 'only backups younger than this' },
  },
  examples: [
    { command: 'backup list -d trading.db', does: 'newest first, with what each one occupies' },
    { command: 'backup list --all --format json', does: 'everything in the repository, for a script' },
  ],
  exitCodes: {
    0: 'listed',
    3: 'a manifest is damaged',
    10: 'no repository there',
    12: 'the repository is damaged',
  },
  formats: ['prometheus'],
  async run({ options }, context) {
    const repository = await openChosen(context, options.repository);
    const databaseId = await databaseIdIfAny(context, options.all);
    const { Tombstones } = await import('../../core/backup/retention/tombstone.ts');
    const { points, damaged } = await repository.points(databaseId);
    const now = context.clock.wallTime();
    const ids = new Set(points.map((point) => point.database.id));
    const doomed = await Promise.all([...ids].map((id) => Tombstones.read(repository, id)));
    const listed = points
      .filter((point) => options.type === undefined || point.type === options.type)
      .map((point) => ({
        id: point.id,
        database: point.database.label,
        type: point.type,
        parentId: point.parentId,
        label: point.label,
        createdAt: point.createdAt,
        ageMs: Math.max(0, now - Date.parse(point.createdAt)),
        storedBytes: point.storedBytes,
        databaseBytes: point.database.pageCount * point.database.pageSizeBytes,
        keepUntil: point.keepUntil,
        tombstoned: doomed.some((tombstones) => tombstones.has(point.id)),
      }))
      .filter((point) => options.since === undefined || point.ageMs <= options.since)
      .reverse();
    const { readWindows } = await import('../../core/backup/wal-archive/windows.ts');
    const { readMarks } = await import('../../core/backup/mark.ts');
    const marks = await Promise.all([...ids].map((id) => readMarks(repository, id)));
    const archives = await Promise.all([...ids].map((id) => readWindows(repository, id)));
    const labelOf = (id: string): string => points.find((point) => point.database.id === id)?.database.label ?? id;
    const named = <T>(list: readonly T[], index: number) =>
      list.map((one) => ({ database: labelOf([...ids][index] ?? ''), ...one }));
    const windows = archives.flatMap((archive, index) => named(archive.windows, index));
    const newest = Math.max(
      ...[points.at(-1)?.createdAt, ...windows.map((one) => one.toTime)]
        .map((time) => Date.parse(time ?? ''))
        .filter((time) => !Number.isNaN(time)),
    );
    const data: BackupListData = {
      repository: { name: repository.name, kind: repository.storage.kind, location: repository.storage.location },
      points: listed,
      windows,
      gaps: archives.flatMap((archive, index) => named(archive.gaps, index)),
      marks: marks.flatMap((list, index) =>
        named(list, index).map(({ database, name, epoch, tx, time, note, keep }) => ({
          database,
          name,
          epoch,
          tx,
          time,
          note,
          keep,
        })),
      ),
      storedBytes: listed.reduce((sum, point) => sum + point.storedBytes, 0),
      rpoMs: points.length === 0 ? null : Math.max(0, now - newest),
    };
    return context.report(data, {
      findings: damaged.map(({ key, error }) => ({
        id: 'backup.damaged',
        severity: 'warning',
        subject: key,
        message: error instanceof Error ? error.message : String(error),
        hint: 'tradedb backup verify',
      })),
      metrics: metricsOf(data),
    });
  },
});

function metricsOf(data: BackupListData): Metric[] {
  const metrics: Metric[] = [];
  for (const database of new Set(data.points.map((point) => point.database))) {
    const points = data.points.filter((point) => point.database === database);
    const labels = { database, repository: data.repository.name };
    const gauge = (name: string, help: string, value: number): void => {
      metrics.push({ name, type: 'gauge', help, value, labels });
    };
    const newest = Date.parse(points[0]?.createdAt ?? '') / 1000;
    gauge('backup_last_success_timestamp_seconds', 'Moment of the newest backup', newest);
    gauge('backup_points', 'Backups in the repository', points.length);
    gauge(
      'backup_stored_bytes',
      'Size of all backups',
      points.reduce((sum, point) => sum + point.storedBytes, 0),
    );
  }
  return metrics;
}
