import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { Repository } from '../../core/backup/repository/repository.ts';
import type { CompactionResult } from '../../core/backup/retention/compact.ts';
import type { Orphan } from '../../core/backup/retention/orphans.ts';
import type { Finding } from '../../core/report.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { databaseIdIfAny, openChosen, ownerOf, repositoryOption } from './repository-option.ts';

interface PointSize {
  readonly id: string;
  readonly database: string;
  readonly storedBytes: number;
}

export interface BackupPruneData {
  readonly dryRun: boolean;
  readonly repository: { readonly name: string; readonly kind: string; readonly location: string };
  readonly kept: readonly { readonly id: string; readonly database: string; readonly reasons: readonly string[] }[];
  /** Marked by this run: deleted by a later one, when the grace time is over. */
  readonly tombstoned: readonly PointSize[];
  readonly deleted: readonly PointSize[];
  readonly bytesFreed: number;
  readonly heldBack: readonly { readonly id: string; readonly reason: string }[];
  /** Due to be deleted, and left for now because somebody reads them. */
  readonly inUse: readonly { readonly id: string; readonly reason: string }[];
  /** What no backup names, such as the packs of one that was killed. */
  readonly orphans: readonly {
    readonly kind: 'point' | 'epoch';
    readonly id: string;
    readonly storedBytes: number;
    readonly action: 'marked' | 'deleted';
  }[];
  /** Old archived commits that were merged (or would be); null without --compact. */
  readonly compaction: CompactionResult | null;
  /** Segments that merged ones have taken the place of, deleted by this run. */
  readonly mergedAway: { readonly segments: number; readonly bytes: number };
  /** Backups that --undo has taken back from deletion. */
  readonly undone: readonly string[];
  /** What --undo takes to take this run back; null when nothing was marked. */
  readonly pruneId: string | null;
  /** When what was marked may be deleted. */
  readonly deletionAfter: string | null;
}

export const definition = defineCommand({
  path: ['backup', 'prune'],
  summary: 'remove the backups that the retention rules do not keep, in two steps',
  description:
    'A first run marks backups; a later one, after the grace time, deletes what is still unwanted. Until then --undo takes the decision back. What an incremental backup builds on is never removed before it.',
  options: {
    repository: repositoryOption,
    all: { type: 'flag', summary: 'the backups of every database in the repository' },
    grace: {
      type: 'duration',
      value: 'duration',
      summary: 'time between marking and deleting',
      config: 'backup.retention.grace',
    },
    compact: {
      type: 'flag',
      summary: 'merge archived commits older than backup.archive.commitWindow, leaving one of each compactTo',
    },
    undo: { type: 'text', value: 'prune-id', summary: 'take back what that run has marked' },
  },
  examples: [
    { command: 'backup prune --dry-run', does: 'what would go and what would stay, with the reason' },
    { command: 'backup prune -d trading.db --yes', does: 'mark, and delete what was marked a day ago' },
    { command: 'backup prune --compact --yes', does: 'also make the archive of older commits coarser and smaller' },
    { command: 'backup prune --undo 3f9a1c02', does: 'keep what that run has marked' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'done, or nothing to do',
    3: 'backups were held back by the minimum redundancy, a gap of the archive is within the recovery window, or archived commits are damaged',
    10: 'no repository, or no such prune',
    11: 'another backup or prune is running',
    12: 'a record that says what to keep is damaged; nothing was removed',
  },
  changes: true,
  asks: true,
  async run({ options }, context) {
    const repository = await openChosen(context, options.repository);
    const place = { name: repository.name, kind: repository.storage.kind, location: repository.storage.location };
    const databaseId = await databaseIdIfAny(context, options.all);
    const { points } = await repository.points(databaseId);
    const ids = databaseId === undefined ? await repository.databaseIds() : [databaseId];
    if (options.undo !== undefined) {
      const undone = await undo(repository, ids, options.undo, context);
      return context.report<BackupPruneData>({ ...nothing, dryRun: context.dryRun, repository: place, undone });
    }
    const { prune } = await import('../../core/backup/retention/prune.ts');
    const { retentionSettings } = await import('./retention-settings.ts');
    const settings = retentionSettings(context);
    const { archive } = context.config.backup;
    const graceMs = options.grace ?? settings.graceMs;
    const request = {
      repository,
      ...settings,
      graceMs,
      owner: ownerOf(context),
      leases: context.config.backup.leases,
      ...(options.compact ? { compaction: { commitWindowMs: archive.commitWindow, cellMs: archive.compactTo } } : {}),
    };
    const plans = await Promise.all(ids.map((id) => prune({ ...request, databaseId: id, dryRun: true }, context)));
    const backups = plans.reduce((sum, { removed }) => sum + removed.length, 0);
    const unfinished = plans.reduce((sum, plan) => sum + plan.orphans.remove.length, 0);
    if (!context.dryRun && backups + unfinished > 0) {
      const what = backups === 1 ? 'one backup' : `${backups} backups`;
      await context.confirm(`Delete ${what}${unfinished === 0 ? '' : ` and ${unfinished} unfinished`} for good?`);
    }
    const results = context.dryRun ? plans : [];
    if (!context.dryRun) {
      for (const id of ids) results.push(await prune({ ...request, databaseId: id, dryRun: false }, context));
    }
    const all = results.map(({ plan }) => plan);
    const tombstoned = all.flatMap((plan) => plan.tombstone.map(sizeOf));
    const deleted = results.flatMap(({ removed }) => removed.map(sizeOf));
    const orphans = results.flatMap((result) => [
      ...result.orphans.mark.map((orphan) => orphanOf(orphan, 'marked')),
      ...result.orphans.remove.map((orphan) => orphanOf(orphan, 'deleted')),
    ]);
    const data: BackupPruneData = {
      dryRun: context.dryRun,
      repository: place,
      kept: all.flatMap((plan) =>
        plan.kept.map(({ point, reasons }) => ({ id: point.id, database: point.database.label, reasons })),
      ),
      tombstoned,
      deleted,
      bytesFreed: [...deleted, ...orphans.filter(({ action }) => action === 'deleted')].reduce(
        (sum, one) => sum + one.storedBytes,
        0,
      ),
      heldBack: all.flatMap((plan) => plan.heldBack.map(({ point, reason }) => ({ id: point.id, reason }))),
      orphans,
      compaction: sumOf(results.flatMap(({ compaction }) => compaction ?? [])),
      mergedAway: {
        segments: results.reduce((sum, { mergedAway }) => sum + mergedAway.segments, 0),
        bytes: results.reduce((sum, { mergedAway }) => sum + mergedAway.bytes, 0),
      },
      inUse: results.flatMap(({ inUse }) => inUse),
      undone: [],
      pruneId: results.find(({ pruneId }) => pruneId !== null)?.pruneId ?? null,
      deletionAfter:
        results.every(({ pruneId }) => pruneId === null) && !(context.dryRun && tombstoned.length > 0)
          ? null
          : new Date(context.clock.wallTime() + graceMs).toISOString(),
    };
    const labelOf = (id: string): string => points.find((point) => point.database.id === id)?.database.label ?? id;
    const gaps = results.flatMap((result, index) =>
      result.gaps.map((gap) => ({ database: labelOf(ids[index] ?? ''), ...gap })),
    );
    const start = context.clock.wallTime() - settings.recoveryWindowMs;
    const { brokenWindows } = await import('./broken-windows.ts');
    const findings = [
      ...data.heldBack.map(heldBackFinding),
      ...data.inUse.map(inUseFinding),
      ...(data.compaction?.problems ?? []).map(damagedFinding),
    ];
    const { noteRun } = await import('../../core/run-record.ts');
    noteRun(context, 'prune', 'retention applied');
    return context.report(data, { findings: [...findings, ...brokenWindows(gaps, start)] });
  },
});

const nothing = {
  kept: [],
  tombstoned: [],
  deleted: [],
  bytesFreed: 0,
  heldBack: [],
  inUse: [],
  compaction: null,
  mergedAway: { segments: 0, bytes: 0 },
  orphans: [],
  pruneId: null,
  deletionAfter: null,
} as const;

function sizeOf(point: Manifest): PointSize {
  return { id: point.id, database: point.database.label, storedBytes: point.storedBytes };
}

function orphanOf({ kind, id, bytes }: Orphan, action: 'marked' | 'deleted'): BackupPruneData['orphans'][number] {
  return { kind, id, storedBytes: bytes, action };
}

/** Over all databases. */
function sumOf(results: readonly CompactionResult[]): CompactionResult | null {
  if (results.length === 0) return null;
  return results.reduce((a, b) => ({
    segmentsBefore: a.segmentsBefore + b.segmentsBefore,
    segmentsAfter: a.segmentsAfter + b.segmentsAfter,
    commitsBefore: a.commitsBefore + b.commitsBefore,
    commitsAfter: a.commitsAfter + b.commitsAfter,
    bytesBefore: a.bytesBefore + b.bytesBefore,
    bytesAfter: a.bytesAfter === null || b.bytesAfter === null ? null : a.bytesAfter + b.bytesAfter,
    problems: [...a.problems, ...b.problems],
  }));
}

function damagedFinding({ epoch, fromTx, message }: CompactionResult['problems'][number]): Finding {
  return {
    id: 'prune.damaged_archive',
    severity: 'warning',
    subject: `commit ${fromTx}@${epoch}`,
    message: `archived commits were not merged: ${message}`,
    hint: 'they stay as they are; see how far it goes: tradedb backup verify --level 3',
  };
}

function heldBackFinding({ id, reason }: { id: string; reason: string }): Finding {
  return {
    id: 'prune.held_back',
    severity: 'warning',
    subject: id,
    message: `the rules would remove it, but too few backups would be left (${reason})`,
    hint: reason.includes('not verified')
      ? 'verified backups count first: tradedb backup verify'
      : 'make a newer full backup, and verify it: tradedb backup create --type full --verify 2',
  };
}

function inUseFinding({ id, reason }: { id: string; reason: string }): Finding {
  return {
    id: 'prune.in_use',
    severity: 'info',
    subject: id,
    message: `left for now: ${reason}`,
    hint: 'the next prune after that deletes it',
  };
}

async function undo(
  repository: Repository,
  databaseIds: readonly string[],
  pruneId: string,
  context: CommandContext,
): Promise<readonly string[]> {
  const { Tombstones, removeTombstone } = await import('../../core/backup/retention/tombstone.ts');
  for (const id of databaseIds) {
    const { all } = await Tombstones.read(repository, id);
    const found = all.find((tombstone) => tombstone.id === pruneId);
    if (found === undefined) continue;
    if (context.dryRun) return found.pointIds;
    const { acquireRepositoryLease } = await import('../../core/backup/repository/repository-lease.ts');
    const request = {
      name: id,
      purpose: 'backup prune',
      owner: ownerOf(context),
      leases: context.config.backup.leases,
    };
    // A prune at work may be deleting what the tombstone names.
    const lease = await acquireRepositoryLease(repository.storage, request, context);
    try {
      return (await removeTombstone(repository, id, pruneId)).pointIds;
    } finally {
      await lease.release();
    }
  }
  return (await removeTombstone(repository, databaseIds[0] ?? '', pruneId)).pointIds;
}
