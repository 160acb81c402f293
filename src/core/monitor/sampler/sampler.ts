import { dirname } from 'node:path';
import type { Clock } from '../../context.ts';
import { fileSystemOf } from '../../file-access/file-system.ts';
import type { LiveFiles } from '../../file-access/live-files.ts';
import { type Holder, holdersOf, walIndexInUse } from '../../file-access/lock-table.ts';
import type { DatabaseHeader } from '../../file-format/database-header.ts';
import { walFrameBytes } from '../../file-format/wal-frame.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';
import { HeldSince } from '../lock/held-since.ts';
import { WriteLockUse } from '../lock/lock-use.ts';
import { PinnedReaders } from '../lock/pinned-reader.ts';
import { Attribution, type AttributionFacts } from '../page-map/attribution.ts';
import type { JournalMode, LockHolder, PinnedReader, Sample } from '../sample.ts';
import { type CommitCount, countCommits, endOfIndex, noCommits } from './commit-count.ts';

export interface SamplerSettings {
  readonly path: string;
  readonly pinnedAfterMs: number;
  readonly lockIntervalMs: number;
  readonly attribution: AttributionSource;
}

/** What tells which table is written: the frames of the WAL, their page numbers in the WAL-index, or nothing. */
export type AttributionSource = 'frames' | 'index' | 'off';

/** How the lock table is read; tests hand in one without lines. */
export type LockLook = (path: string) => Holder[] | undefined;

/** Time between two looks at what changes slowly: header and disk. */
const slowIntervalMs = 1000;

const noAttribution: AttributionFacts = { objects: [], coverage: 1, unknownFrames: 0 };
const mostObjects = 40;

/** The most written objects, then the largest: a sample stays small in a database of ten thousand tables. */
function worthShowing(objects: AttributionFacts['objects']): AttributionFacts['objects'] {
  if (objects.length <= mostObjects) return objects;
  return [...objects].sort((a, b) => b.frames - a.frames || b.pages - a.pages).slice(0, mostObjects);
}

interface SlowFacts {
  readonly at: number;
  readonly header: DatabaseHeader | undefined;
  readonly diskFreeBytes: number;
}

interface LockFacts {
  readonly at: number;
  readonly locks: readonly LockHolder[];
  readonly inUse: boolean;
  readonly readable: boolean;
  readonly busyRatio: number;
}

/**
 * Looks at a database again and again without opening it: sizes, the header of the WAL-index, the kernel's lock table.
 * For a process that never opens SQLite on that file.
 */
export class Sampler {
  readonly #files: LiveFiles;
  readonly #settings: SamplerSettings;
  readonly #clock: Clock;
  readonly #look: LockLook;
  readonly #heldSince = new HeldSince();
  readonly #pinned: PinnedReaders;
  readonly #use = new WriteLockUse();
  #count: CommitCount = noCommits;
  #rollback = { counter: -1, commits: 0 };
  #identity: { device: number; inode: number; sizeBytes: number } | undefined;
  #slow: SlowFacts | undefined;
  #locks: LockFacts | undefined;
  readonly #attribution: Attribution | undefined;
  #attributedCommits = 0;
  #torn = 0;
  #movedWithoutHolder = false;

  constructor(files: LiveFiles, settings: SamplerSettings, clock: Clock, look: LockLook = holdersOf) {
    this.#files = files;
    this.#settings = settings;
    this.#clock = clock;
    this.#look = look;
    this.#pinned = new PinnedReaders(settings.pinnedAfterMs);
    if (settings.attribution !== 'off') this.#attribution = new Attribution(files, settings.attribution);
  }

  /** One look. `lateTicks` and `cachedBytes` are what the loop has counted and asked for. */
  tick(lateTicks: number, cachedBytes: number | null = null): Sample {
    const now = this.#clock.now();
    const sizeBytes = this.#followFile();
    const locks = this.#lookAtLocks(now);
    const index = this.#readIndex(locks);
    const slow = this.#lookAtSlow(now);
    const mode = this.#mode(sizeBytes, slow.header, index, locks);
    if (mode === 'rollback') this.#countRollback();
    const pinned = this.#pinnedReaders(index, locks, now);
    const written = this.#attribute(now, slow.header, index);
    const pageSizeBytes = slow.header?.pageSizeBytes ?? index?.pageSizeBytes ?? 0;
    const mxFrame = index?.maxFrame ?? 0;
    const backfilled = index?.backfilledFrames ?? 0;
    return {
      at: new Date(this.#clock.wallTime()).toISOString(),
      monotonicMs: now,
      generation: this.#count.generation,
      mode,
      holders: this.#holders(locks),
      commits: this.#count.commits + this.#rollback.commits,
      walResets: this.#count.resets,
      frames: this.#count.frames,
      checkpointedFrames: this.#count.checkpointedFrames,
      checkpoints: this.#count.checkpoints,
      mxFrame,
      backfilled,
      backlogBytes: (mxFrame - backfilled) * (pageSizeBytes === 0 ? 0 : walFrameBytes(pageSizeBytes)),
      walFileBytes: this.#files.identity('wal')?.sizeBytes ?? 0,
      databaseBytes: sizeBytes ?? 0,
      pageSizeBytes,
      pageCount: mxFrame > 0 && index !== undefined ? index.pageCount : (slow.header?.pageCount ?? 0),
      freePages: slow.header?.freelistPages ?? 0,
      connectedProcesses: locks.locks.length,
      locks: locks.locks,
      pinned,
      writeLockBusyRatio: locks.busyRatio,
      diskFreeBytes: slow.diskFreeBytes,
      cachedBytes,
      objects: written.objects,
      coverage: written.coverage,
      unknownFrames: written.unknownFrames,
      tornReads: this.#torn,
      lateTicks,
      tickMs: this.#clock.now() - now,
    };
  }

  /** Notices a database that was replaced under its name; the old descriptors would show the old file for ever. */
  #followFile(): number | undefined {
    const found = this.#files.identity('database');
    const known = this.#identity;
    if (found !== undefined && known !== undefined) {
      const replaced = found.inode !== known.inode || found.device !== known.device;
      if (replaced) {
        for (const file of ['database', 'wal', 'shm', 'journal'] as const) this.#files.refresh(file);
        this.#count = { ...endOfIndex(this.#count), generation: this.#count.generation + 1 };
        this.#rollback = { ...this.#rollback, counter: -1 };
        this.#slow = undefined;
      }
    }
    if (found !== undefined) this.#identity = found;
    return found?.sizeBytes;
  }

  #lookAtLocks(now: number): LockFacts {
    const known = this.#locks;
    // A little early is better than one tick late.
    if (known !== undefined && now - known.at < this.#settings.lockIntervalMs * 0.9) return known;
    const holders = this.#look(this.#settings.path);
    const facts = {
      at: now,
      locks: this.#heldSince.update(holders ?? [], now),
      inUse: walIndexInUse(holders),
      readable: holders !== undefined,
      busyRatio: this.#use.update(holders ?? []),
    };
    this.#locks = facts;
    return facts;
  }

  /** The WAL-index; undefined when there is none, or when nobody keeps it up to date. */
  #readIndex(locks: LockFacts): WalIndexHeader | undefined {
    const shm = this.#files.identity('shm');
    if (shm === undefined) {
      this.#count = endOfIndex(this.#count);
      return undefined;
    }
    const index = this.#files.walIndex();
    if (index === undefined) {
      if (shm.sizeBytes > 0) this.#torn += 1;
      return undefined;
    }
    const before = this.#count;
    this.#count = countCommits(before, { ...index, inode: shm.inode });
    if (locks.inUse) {
      this.#movedWithoutHolder = false;
      return index;
    }
    // Somebody must have moved it, although no lock is to be seen.
    if (this.#count.commits !== before.commits || this.#count.checkpointedFrames !== before.checkpointedFrames) {
      this.#movedWithoutHolder = true;
    }
    return this.#movedWithoutHolder ? index : undefined;
  }

  #lookAtSlow(now: number): SlowFacts {
    const known = this.#slow;
    if (known !== undefined && now - known.at < slowIntervalMs) return known;
    const exists = this.#identity !== undefined;
    const facts = {
      at: now,
      header: exists ? this.#files.header() : undefined,
      diskFreeBytes: fileSystemOf(dirname(this.#settings.path)).freeBytes,
    };
    this.#slow = facts;
    return facts;
  }

  #mode(
    sizeBytes: number | undefined,
    header: DatabaseHeader | undefined,
    index: WalIndexHeader | undefined,
    locks: LockFacts,
  ): JournalMode {
    if (sizeBytes === undefined) return 'absent';
    if (index !== undefined) return 'wal';
    if (header?.readVersion !== 2) return 'rollback';
    // A WAL database that is locked without an index: locking_mode=EXCLUSIVE keeps it in memory.
    const exclusive = locks.locks.some((holder) => holder.bytes.includes('SHARED')) && !locks.inUse;
    return exclusive ? 'exclusive' : 'wal';
  }

  /** Without a WAL every transaction that writes moves the change counter of the header by one. */
  #countRollback(): void {
    const header = this.#files.header();
    if (header === undefined) return;
    const { counter, commits } = this.#rollback;
    const moved = counter < 0 ? 0 : (header.changeCounter - counter) >>> 0;
    this.#rollback = { counter: header.changeCounter, commits: commits + (moved > 2 ** 31 ? 0 : moved) };
  }

  #pinnedReaders(index: WalIndexHeader | undefined, locks: LockFacts, now: number): PinnedReader[] {
    if (index === undefined) return [];
    return this.#pinned.update({ ...index, generation: `${index.salt1}:${index.salt2}` }, locks.locks, now);
  }

  #attribute(now: number, header: DatabaseHeader | undefined, index: WalIndexHeader | undefined): AttributionFacts {
    if (this.#attribution === undefined) return noAttribution;
    const commits = this.#count.commits - this.#attributedCommits;
    this.#attributedCommits = this.#count.commits;
    const facts = this.#attribution.update(now, header, index, commits);
    return { ...facts, objects: worthShowing(facts.objects) };
  }

  #holders(locks: LockFacts): Sample['holders'] {
    if (locks.locks.length > 0 && !this.#movedWithoutHolder) return 'visible';
    return this.#movedWithoutHolder || !locks.readable ? 'outside-namespace' : 'none';
  }
}
