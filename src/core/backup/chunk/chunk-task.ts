import type { CodecName } from './codec.ts';
import type { ChunkEntry } from './pack-format.ts';

/** One chunk to check, and perhaps to write, in a worker thread. */
export interface ChunkTask {
  readonly stored: Uint8Array;
  readonly codec: CodecName;
  readonly plainBytes: number;
  readonly sha256Stored: Uint8Array;
  readonly sha256Plain: Uint8Array;
  /** Undefined: only the stored bytes are checked. */
  readonly content?: ChunkContent;
}

export interface ChunkContent {
  readonly pages: ChunkEntry['pages'];
  readonly pageSizeBytes: number;
  /** Indexes (from 0) of the pages that matter; null: all of them. */
  readonly selected: readonly number[] | null;
  /** Fingerprints of the selected pages in order; null: not compared. */
  readonly expected: Uint8Array | null;
  /** File that gets the selected pages, at their places. */
  readonly writeTo: string | null;
}

export type ChunkProblem = 'stored_digest' | 'undecodable' | 'content_digest' | 'fingerprint';

export type ChunkOutcome = { readonly problem: ChunkProblem; readonly page?: number } | null;

/** Sentence for people. */
export const chunkProblemText: Readonly<Record<ChunkProblem, string>> = {
  stored_digest: 'sha256 differs',
  undecodable: 'cannot be decompressed',
  content_digest: 'sha256 of the content differs',
  fingerprint: 'a page differs from its fingerprint',
};
