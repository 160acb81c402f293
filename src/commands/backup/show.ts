import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import { TradedbError } from '../../core/error.ts';
import { defineCommand } from '../definition.ts';
import { openChosen, repositoryOption } from './repository-option.ts';

export interface BackupShowData {
  readonly manifest: Manifest;
  /** Points that a restore of this one reads, the full one first. */
  readonly lineage: readonly {
    readonly id: string;
    readonly type: string;
    readonly createdAt: string;
    readonly storedBytes: number;
  }[];
  readonly objects: readonly { readonly key: string; readonly sizeBytes: number; readonly sha256: string }[];
  /** Points that build on this one. */
  readonly children: readonly string[];
}

export const definition = defineCommand({
  path: ['backup', 'show'],
  summary: 'show everything that is known of one backup',
  arguments: [
    { name: 'id', summary: 'backup, as in the list; the four characters at its end are enough', required: true },
  ],
  options: { repository: repositoryOption },
  examples: [{ command: 'backup show 20260314T0200Z-7f3k', does: 'its manifest, what it builds on, and its objects' }],
  exitCodes: { 0: 'shown', 10: 'no such backup', 12: 'its manifest is damaged' },
  async run(input, context) {
    const repository = await openChosen(context, input.options.repository);
    const { lineageOf } = await import('../../core/backup/manifest/lineage.ts');
    const names = await import('../../core/backup/repository/object-name.ts');
    const wanted = input.arguments[0] ?? '';
    const { points, damaged } = await repository.points();
    const matches = (id: string): boolean => id === wanted || id.endsWith(`-${wanted}`);
    const found = points.filter((point) => matches(point.id));
    const point = found[0];
    if (point === undefined || found.length > 1) {
      const broken = damaged.find((one) => matches(one.id));
      if (broken !== undefined) throw broken.error;
      const what = found.length > 1 ? 'several backups end with' : 'there is no backup';
      throw new TradedbError('backup_not_found', `${what} ${JSON.stringify(wanted)}`, {
        hint: 'see: tradedb backup list --all',
      });
    }
    const { database, id } = point;
    const key = repository.manifestKeyOf(point);
    const sizeBytes = (await repository.storage.read(key)).length;
    const objects = [
      { key, sizeBytes, sha256: names.parseManifestKey(key)?.digest ?? '' },
      ...point.packs.map((pack) => ({
        key: names.packKey(database.id, id, pack.name),
        sizeBytes: pack.sizeBytes,
        sha256: pack.name,
      })),
      {
        key: names.pageIndexKey(database.id, id, point.pageIndex.name),
        sizeBytes: point.pageIndex.sizeBytes,
        sha256: point.pageIndex.name,
      },
    ];
    return context.report<BackupShowData>({
      manifest: point,
      lineage: lineageOf(point, new Map(points.map((one) => [one.id, one]))).map((one) => ({
        id: one.id,
        type: one.type,
        createdAt: one.createdAt,
        storedBytes: one.storedBytes,
      })),
      objects,
      children: points.filter((one) => one.parentId === id).map((one) => one.id),
    });
  },
});
