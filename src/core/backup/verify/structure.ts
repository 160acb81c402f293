import { TradedbError } from '../../error.ts';
import { isUnreachable } from '../../storage/storage-error.ts';
import { lineageOf } from '../manifest/lineage.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { packKey, pageIndexKey } from '../repository/object-name.ts';
import type { StoredPack } from '../repository/repository.ts';
import type { VerifyProblem, VerifyRequest } from './verification.ts';

export interface Structure {
  readonly problems: readonly VerifyProblem[];
  /** Keys of all objects that the points need. */
  readonly objects: readonly string[];
  readonly packs: readonly { readonly key: string; readonly point: Manifest; readonly pack: StoredPack }[];
  /** Points whose restore needs the objects of this one. */
  readonly affectedBy: (point: Manifest) => readonly string[];
}

/** Level 1: lineage complete, every object there in its size; small objects are read and checked by their digest. */
export async function checkStructure(request: VerifyRequest): Promise<Structure> {
  const problems: VerifyProblem[] = [];
  const byId = new Map(request.allPoints.map((point) => [point.id, point]));
  const needed = new Map<string, Manifest>();
  const dependants = new Map<string, Set<string>>();
  for (const point of request.allPoints) {
    for (const member of safeLineage(point, byId)) {
      dependants.set(member.id, (dependants.get(member.id) ?? new Set()).add(point.id));
    }
  }
  for (const point of request.points) {
    try {
      for (const member of lineageOf(point, byId)) needed.set(member.id, member);
    } catch (error) {
      if (!(error instanceof TradedbError)) throw error;
      const key = `db/${point.database.id}/points/${point.parentId}`;
      problems.push({ key, chunk: null, kind: 'missing', message: error.message, affectedPoints: [point.id] });
    }
  }
  const affectedBy = (point: Manifest): readonly string[] => [...(dependants.get(point.id) ?? [point.id])];
  const sizes = await sizesOf(request, needed);
  const objects: string[] = [];
  const packs: { key: string; point: Manifest; pack: StoredPack }[] = [];
  for (const point of needed.values()) {
    objects.push(request.repository.manifestKeyOf(point));
    const expect = (key: string, sizeBytes: number): boolean => {
      objects.push(key);
      const found = sizes.get(key);
      if (found === sizeBytes) return true;
      const kind = found === undefined ? 'missing' : 'size';
      const message = found === undefined ? 'the object is not there' : `has ${found} bytes instead of ${sizeBytes}`;
      problems.push({ key, chunk: null, kind, message, affectedPoints: affectedBy(point) });
      return false;
    };
    for (const pack of point.packs) {
      const key = packKey(point.database.id, point.id, pack.name);
      expect(key, pack.sizeBytes);
      packs.push({ key, point, pack });
    }
    const key = pageIndexKey(point.database.id, point.id, point.pageIndex.name);
    if (!expect(key, point.pageIndex.sizeBytes) || request.level === 1) continue;
    const { repository } = request;
    const checked = repository.isLocked
      ? repository.requireStored(key)
      : repository.pageIndex(safeLineage(point, byId));
    await checked.catch((error: unknown) => {
      if (!(error instanceof TradedbError) || isUnreachable(error)) throw error;
      problems.push({ key, chunk: null, kind: 'damaged', message: error.message, affectedPoints: affectedBy(point) });
    });
  }
  return { problems, objects, packs, affectedBy };
}

/** The lineage as far as it is there. */
export function safeLineage(point: Manifest, byId: ReadonlyMap<string, Manifest>): readonly Manifest[] {
  try {
    return lineageOf(point, byId);
  } catch {
    return [point];
  }
}

async function sizesOf(request: VerifyRequest, needed: ReadonlyMap<string, Manifest>): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const databases = new Set([...needed.values()].map((point) => point.database.id));
  for (const databaseId of databases) {
    for await (const object of request.repository.storage.list(`db/${databaseId}/points`)) {
      sizes.set(object.key, object.sizeBytes);
    }
  }
  return sizes;
}
