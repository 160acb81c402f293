import type { ArchiveStatus } from '../../core/backup/wal-archive/status-file.ts';
import type { ArchiveWindow } from '../../core/backup/wal-archive/windows.ts';
import type { Finding, Metric } from '../../core/report.ts';
import type { DrillEntry } from '../../core/restore/drill-history.ts';
import { defineCommand } from '../definition.ts';
import { brokenWindows } from './broken-windows.ts';
import { newestState } from './newest-state.ts';
import { type PointPosition, pointPosition } from './point-position.ts';
import { databaseIdIfAny, openChosen, recordFindings, repositoryOption } from './repository-option.ts';
import { restorableFrom } from './restorable.ts';

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
    /** Until when every commit behind it can be restored; null without an archive that goes on from it. */
    readonly restorable: { readonly epoch: string; readonly toTime: string } | null;
    /** Marked by prune: it goes when the grace time is over. */
    readonly tombstoned: boolean;
    /** Highest level that it passed since something failed; 0 when it failed, null when it was never verified. */
    readonly verifiedLevel: number | null;
    readonly verifiedAt: string | null;
    /** The rules that keep it, and what else needs it; empty when prune would mark it. */
    readonly keepReasons: readonly string[];
    /** Where the archive of commits goes on from it; `epoch` and `tx` where its commit is known. */
    readonly position: PointPosition | null;
  }[];
  /** Times in which every single commit can be restored, oldest first. */
  readonly windows: readonly {
    readonly database: string;
    readonly epoch: string;
    readonly base: string;
    readonly fromTime: string;
    readonly toTime: string;
    readonly fromTx: number;
    readonly toTx: number;
    /** False where old commits were merged: then only some of them can be restored. */
    readonly perCommit: boolean;
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
  /** What the archiver of this database last said of itself on this machine; null when there is none. */
  readonly archive: ArchiveStatus | null;
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
    marks: { type: 'flag', summary: 'only the marks' },
    epochs: { type: 'flag', summary: 'only the archive: what can be restored, and the gaps' },
  },
  examples: [
    { command: 'backup list -d trading.db', does: 'newest first, with what each one occupies' },
    { command: 'backup list --all --format json', does: 'everything in the repository, for a script' },
  ],
  exitCodes: {
    0: 'listed',
    3: 'a manifest or another record is damaged, or the archive has a gap within backup.retention.recoveryWindow',
    10: 'no repository there',
    12: 'the repository is damaged',
  },
  formats: ['prometheus'],
  async run({ options }, context) {
    const repository = await openChosen(context, options.repository);
    const databaseId = await databaseIdIfAny(context, options.all);
    const { points, damaged } = await repository.points(databaseId);
    const now = context.clock.wallTime();
    const ids = new Set(points.map((point) => point.database.id));
    const retention = await import('../../core/backup/retention/facts.ts');
    const { retentionSettings } = await import('./retention-settings.ts');
    const facts = await Promise.all([...ids].map((id) => retention.readRetentionFacts(repository, id, points)));
    const settings = retentionSettings(context);
    const reasons = new Map(
      facts.flatMap((one) => [...retention.keepReasons(retention.planRetention(one, settings, now))]),
    );
    const verified = new Map(facts.flatMap((one) => [...one.verified]));
    const doomed = new Set(facts.flatMap((one) => one.tombstones.flatMap(({ pointIds }) => pointIds)));
    const { readWindows } = await import('../../core/backup/wal-archive/windows.ts');
    const { readArchiveStatus } = await import('../../core/backup/wal-archive/status-file.ts');
    const { readDrills } = await import('../../core/restore/drill-history.ts');
    const archives = await Promise.all(
      [...ids].map((id, index) => readWindows(repository, id, facts[index]?.epochs ?? [])),
    );
    const all = archives.flatMap((archive) => archive.windows);
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
        restorable: restorableOf(restorableFrom(point, all)),
        tombstoned: doomed.has(point.id),
        verifiedLevel: verified.get(point.id)?.level ?? null,
        verifiedAt: verified.get(point.id)?.at ?? null,
        keepReasons: reasons.get(point.id) ?? [],
        position: pointPosition(point),
      }))
      .filter((point) => options.since === undefined || point.ageMs <= options.since)
      .reverse();
    const labelOf = (id: string): string => points.find((point) => point.database.id === id)?.database.label ?? id;
    const named = <T>(list: readonly T[], index: number) =>
      list.map((one) => ({ database: labelOf([...ids][index] ?? ''), ...one }));
    const windows = archives.flatMap((archive, index) => named(archive.windows, index));
    const [onlyId] = ids;
    const status =
      ids.size === 1 && onlyId !== undefined ? readArchiveStatus(context.stateDirectory(), onlyId) : undefined;
    const newest = newestState({ points, windows, status });
    const data: BackupListData = {
      repository: { name: repository.name, kind: repository.storage.kind, location: repository.storage.location },
      points: options.marks || options.epochs ? [] : listed,
      windows: options.marks ? [] : windows,
      archive: status ?? null,
      gaps: options.marks ? [] : archives.flatMap((archive, index) => named(archive.gaps, index)),
      marks: options.epochs
        ? []
        : facts.flatMap(({ marks }, index) =>
            named(marks, index).map(({ database, name, epoch, tx, time, note, keep }) => ({
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
      rpoMs: newest === undefined ? null : Math.max(0, now - newest),
    };
    return context.report(data, {
      findings: [
        ...damaged.map(
          ({ key, error }): Finding => ({
            id: 'backup.damaged',
            severity: 'warning',
            subject: key,
            message: error instanceof Error ? error.message : String(error),
            hint: 'tradedb backup verify',
          }),
        ),
        ...recordFindings(repository),
        ...brokenWindows(data.gaps, now - settings.recoveryWindowMs),
      ],
      metrics: metricsOf(data, (database) => readDrills(context.stateDirectory(), database).at(-1), now),
    });
  },
});

function restorableOf(window: ArchiveWindow | undefined): BackupListData['points'][number]['restorable'] {
  return window === undefined ? null : { epoch: window.epoch, toTime: window.toTime };
}

function metricsOf(
  data: BackupListData,
  lastDrill: (database: string) => DrillEntry | undefined,
  now: number,
): Metric[] {
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
    const drill = lastDrill(database);
    if (drill !== undefined) {
      gauge('drill_rto_seconds', 'Time to restore, by the last drill', drill.rtoMs / 1000);
      gauge('drill_rpo_seconds', 'What would have been lost at the last drill', drill.rpoMs / 1000);
    }
    gauge(
      'archive_gaps',
      'Holes in the archive of commits',
      data.gaps.filter((gap) => gap.database === database).length,
    );
    const { archive } = data;
    if (archive === null) continue;
    gauge('archive_up', '1 while the archiver runs', archive.running ? 1 : 0);
    gauge('archive_wal_bytes', 'Size of the WAL beside the archiver', archive.walBytes);
    gauge('archive_spool_bytes', 'Archived commits that wait for the server of the repository', archive.spoolBytes);
    if (archive.durableAt !== null) {
      gauge('archive_lag_seconds', 'Time since everything was durable', (now - Date.parse(archive.durableAt)) / 1000);
    }
  }
  return metrics;
}
