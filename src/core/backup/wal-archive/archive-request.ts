import type { Manifest } from '../manifest/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import type { SegmentStore, StoreEvent } from './segment-store.ts';

/** What an archiver is asked to do, and what it tells. */

export interface ArchiveRequest {
  readonly database: string;
  readonly databaseId: string;
  /** Makes the restore point that a new epoch builds on. */
  readonly makeBase: (repository: Repository) => Promise<Manifest>;
  readonly segmentIntervalMs: number;
  readonly segmentBytes: number;
  /** Frames in the WAL from which on the archiver lets it begin anew. */
  readonly checkpointFrames: number;
  /** When the archive cannot be written, the pin is given up at this size of the WAL: the application goes first. */
  readonly maxWalBytes: number;
  readonly busyTimeoutMs: number;
  readonly store: SegmentStore;
  /** Told when every commit is recorded from now on, and when that ends. */
  readonly onRecording: (records: boolean) => void;
  readonly onEvent: (event: ArchiveEvent) => void;
}

export type ArchiveEvent =
  | { readonly event: 'started'; readonly epoch: string; readonly tx: number; readonly base: string }
  | { readonly event: 'segment'; readonly firstTx: number; readonly lastTx: number; readonly sizeBytes: number }
  | { readonly event: 'checkpoint'; readonly frames: number; readonly writersOut: boolean }
  | { readonly event: 'gap'; readonly reason: string; readonly from: string; readonly to: string }
  | { readonly event: 'spool_full'; readonly message: string }
  /** Nothing is recorded until the repository can be reached again: a gap opens. */
  | { readonly event: 'paused'; readonly reason: string }
  | StoreEvent;

export interface ArchiveGapRecord {
  readonly reason: string;
  readonly from: string;
  readonly to: string;
}

export interface ArchiveTotals {
  epoch: string;
  tx: number;
  commits: number;
  frames: number;
  resets: number;
  readonly gaps: ArchiveGapRecord[];
  segments: number;
  bytesArchived: number;
  walMaxBytes: number;
  readonly writeLock: { count: number; totalMs: number; maxMs: number };
}
