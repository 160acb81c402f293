import { statfsSync, statSync } from 'node:fs';
import { fromFileSystem, TradedbError } from '../error.ts';

/** Bytes that a folder's file system still offers to this user, and which file system it is. */
export interface DiskSpace {
  readonly freeBytes: number;
  /** Equal for two folders exactly when they share a file system. */
  readonly device: number;
}

/** Looks at the file system of a folder; tests hand in their own. */
export type DiskProbe = (folder: string) => DiskSpace;

/** The real file system. */
export const probeDisk: DiskProbe = (folder) => {
  try {
    const facts = statfsSync(folder);
    return { freeBytes: facts.bavail * facts.bsize, device: statSync(folder).dev };
  } catch (error) {
    throw fromFileSystem(error, folder);
  }
};

/** What an operation will write into a folder. */
export interface DiskNeed {
  readonly folder: string;
  readonly bytes: number;
  readonly purpose: string;
}

export interface DiskVerdict {
  readonly neededBytes: number;
  /** On the tightest file system. */
  readonly freeBytes: number;
  readonly reserveBytes: number;
  /** The needs that do not fit, with the file system's free bytes; empty when all fit. */
  readonly missing: readonly { readonly folder: string; readonly shortBytes: number; readonly purpose: string }[];
}

/** Sums the needs per file system and compares them with what is free beyond the reserve. */
export function judgeDisk(needs: readonly DiskNeed[], reserveBytes: number, probe: DiskProbe): DiskVerdict {
  const systems = new Map<number, { free: number; needed: number; needs: DiskNeed[] }>();
  for (const need of needs) {
    const { device, freeBytes } = probe(need.folder);
    const system = systems.get(device) ?? { free: freeBytes, needed: 0, needs: [] };
    system.needed += need.bytes;
    system.needs.push(need);
    systems.set(device, system);
  }
  const all = [...systems.values()];
  const missing = all.flatMap((system) => {
    const short = system.needed + reserveBytes - system.free;
    const [first] = system.needs;
    if (short <= 0 || first === undefined) return [];
    return [{ folder: first.folder, shortBytes: short, purpose: system.needs.map((n) => n.purpose).join(' and ') }];
  });
  const tightest = all.reduce((worst, s) => (s.free - s.needed < worst.free - worst.needed ? s : worst), {
    free: Number.MAX_SAFE_INTEGER,
    needed: 0,
    needs: [],
  });
  return {
    neededBytes: needs.reduce((sum, need) => sum + need.bytes, 0),
    freeBytes: all.length === 0 ? 0 : tightest.free,
    reserveBytes,
    missing,
  };
}

/** Refuses to start an operation that does not fit. */
export function requireDisk(verdict: DiskVerdict, describe: (bytes: number) => string): void {
  const [first] = verdict.missing;
  if (first === undefined) return;
  throw new TradedbError(
    'disk_full',
    `not enough space on the file system of ${JSON.stringify(first.folder)} for the ${first.purpose}: ${describe(first.shortBytes)} short (needs ${describe(verdict.neededBytes)}, free ${describe(verdict.freeBytes)}, reserve ${describe(verdict.reserveBytes)})`,
    { hint: 'free some space, or lower the part that is kept free with --reserve', details: { ...verdict } },
  );
}

/** True once a folder's file system has less than the reserve: the operation should stop with what it has done. */
export function reserveReached(folders: readonly string[], reserveBytes: number, probe: DiskProbe): boolean {
  return folders.some((folder) => probe(folder).freeBytes < reserveBytes);
}
