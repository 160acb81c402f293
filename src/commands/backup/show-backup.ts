import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { Repository } from '../../core/backup/repository/repository.ts';
import type { CommandContext } from '../definition.ts';
import { restorableFrom } from './restorable.ts';
import { type BackupShowData, lineageData, nothingShown, type ShownObject } from './show-data.ts';

/** Everything that is known of one restore point. */
export async function showBackup(
  repository: Repository,
  point: Manifest,
  points: readonly Manifest[],
  context: CommandContext,
): Promise<BackupShowData> {
  const { lineageOf } = await import('../../core/backup/manifest/lineage.ts');
  const retention = await import('../../core/backup/retention/facts.ts');
  const { readWindows } = await import('../../core/backup/wal-archive/windows.ts');
  const { retentionSettings } = await import('./retention-settings.ts');
  const { database, id } = point;
  const facts = await retention.readRetentionFacts(repository, database.id, points);
  const plan = retention.planRetention(facts, retentionSettings(context), context.clock.wallTime());
  const verdict = facts.verified.get(id);
  const { windows } = await readWindows(repository, database.id, facts.epochs);
  const window = restorableFrom(point, windows);
  return {
    ...nothingShown,
    kind: 'backup',
    database: database.label,
    manifest: point,
    verifiedLevel: verdict?.level ?? null,
    verifiedAt: verdict?.at ?? null,
    keepReasons: retention.keepReasons(plan).get(id) ?? [],
    tombstoned: facts.tombstones.some(({ pointIds }) => pointIds.includes(id)),
    children: points.filter((one) => one.parentId === id).map((one) => one.id),
    lineage: lineageData(lineageOf(point, new Map(points.map((one) => [one.id, one])))),
    objects: await objectsOf(repository, point),
    restorable:
      window === undefined
        ? null
        : { epoch: window.epoch, fromTx: window.fromTx, toTx: window.toTx, toTime: window.toTime },
  };
}

async function objectsOf(repository: Repository, point: Manifest): Promise<readonly ShownObject[]> {
  const names = await import('../../core/backup/repository/object-name.ts');
  const { database, id, packs, pageIndex } = point;
  const key = repository.manifestKeyOf(point);
  const sizeBytes = (await repository.storage.read(key)).length;
  return [
    { key, sizeBytes, sha256: names.parseManifestKey(key)?.digest ?? null },
    ...packs.map(({ name, sizeBytes: bytes }) => ({
      key: names.packKey(database.id, id, name),
      sizeBytes: bytes,
      sha256: name,
    })),
    {
      key: names.pageIndexKey(database.id, id, pageIndex.name),
      sizeBytes: pageIndex.sizeBytes,
      sha256: pageIndex.name,
    },
  ];
}
