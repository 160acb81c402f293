import type { SnapshotView } from '../../file-access/snapshot-view.ts';
import type { Codec } from '../chunk/codec.ts';
import type { FinishedPack } from '../chunk/pack-writer.ts';

/** What the parent asks of the packing child, and what the child gives its threads. */
export interface PackRequest {
  readonly path: string;
  readonly codec: Codec;
  /** Threads that read, hash and compress. */
  readonly workers: number;
  readonly stagingFolder: string;
  /** State of the parent point, for an incremental: only pages that differ are stored. */
  readonly base: PackBase | null;
  /** Random bytes for the page index. */
  readonly salt: Uint8Array;
  /** Packs of an attempt that was interrupted; used where nothing of them changed. */
  readonly kept: readonly string[];
}

export interface PackBase {
  readonly pageCount: number;
  readonly fingerprints: Uint8Array;
  readonly chunkDigests: Uint8Array;
}

export interface PackResult {
  readonly packs: readonly FinishedPack[];
  /** Finished and flushed `.pages` file in the staging folder. */
  readonly pageIndex: { readonly file: string; readonly name: string; readonly sizeBytes: number };
  readonly digest: string;
  readonly storedPages: number;
  readonly storedBytes: number;
  /** Bytes in packs of an attempt that was interrupted before. */
  readonly resumedBytes: number;
  /** A writer restarted the WAL while it was read; the rest came from the file. */
  readonly overlayDropped: boolean;
  /** Salts of the WAL generation that is there at the end; null without a WAL. */
  readonly generation: { readonly salt1: number; readonly salt2: number } | null;
}

/** Slots of the state that the threads share. */
export const slot = { generationGone: 0, nextChunk: 1, stop: 2, pagesRead: 3, storedKiB: 4 } as const;
export const slotCount = 5;

export interface ThreadJob {
  readonly thread: number;
  readonly path: string;
  readonly descriptors: { readonly database: number; readonly wal: number | undefined };
  readonly view: SnapshotView;
  readonly codec: Codec;
  readonly stagingFolder: string;
  readonly base: PackBase | null;
  readonly state: Int32Array;
  /** Shared; one byte for each chunk: 1 when it is in a pack already. */
  readonly reused: Uint8Array;
  /** Shared; the threads fill the part of their chunks. */
  readonly fingerprints: Uint8Array;
  readonly chunkDigests: Uint8Array;
}

export interface ThreadResult {
  readonly packs: readonly FinishedPack[];
  readonly storedPages: number;
  readonly storedBytes: number;
}

export interface PackProgress {
  readonly pagesRead: number;
  readonly storedBytes: number;
}
