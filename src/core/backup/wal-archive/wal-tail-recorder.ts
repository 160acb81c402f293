import { join } from 'node:path';
import type { LiveFiles } from '../../file-access/live-files.ts';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import { readWalHeader, scanWal } from '../../file-access/wal-tail.ts';
import { parseWalFrameHeader, type WalChainPosition, walFrameOffset } from '../../file-format/wal-frame.ts';
import { sameGeneration, type WalHeader } from '../../file-format/wal-header.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';
import { type FinishedSegment, SegmentWriter } from './segment-writer.ts';

export interface RecorderStart {
  readonly path: string;
  readonly stagingFolder: string;
  readonly epoch: string;
  /** Frames behind this place are recorded. Null: the WAL is empty now, everything that comes is new. */
  readonly position: WalPosition | null;
  /** Commits before that place. */
  readonly tx: number;
  /** Digest of the last segment; null at the start of an epoch. */
  readonly previous: string | null;
  /** When the last commit before that place was seen: times never go back, whatever the clock does. */
  readonly notAfter: number;
  readonly segmentBytes: number;
  /** A pin was held ever since that place was reached: when the WAL began anew meanwhile, everything before was archived. */
  readonly isPinned: boolean;
}

export interface TailResult {
  /** Everything that was committed when the wal-index was read is recorded. */
  readonly caughtUp: boolean;
  readonly tx: number;
  readonly commits: number;
  readonly frames: number;
  readonly resets: number;
  /** Bytes of frames that are recorded and were not handed over by `flush` yet. */
  readonly openBytes: number;
  readonly walFrames: number;
  readonly backfilledFrames: number;
  readonly walBytes: number;
}

/** With so much to catch up on, blocks are stored as they are: several times faster. */
const hurryBytes = 4 * 1024 * 1024;

/** The recorded frames and those of the WAL do not belong together: something is missing. */
export class ArchiveGap extends Error {
  override readonly name = 'ArchiveGap';
}

/**
 * Follows a WAL frame by frame and writes what is committed into segments. It runs in a child process; the pins of its
 * parent see to it that nothing is overwritten before it was recorded.
 */
export class WalTailRecorder {
  readonly #files: LiveFiles;
  readonly #start: RecorderStart;
  readonly #now: () => number;
  #header: WalHeader | undefined;
  #position: WalChainPosition | undefined;
  #tx: number;
  #previous: string | null;
  #writer: SegmentWriter | undefined;
  #finished: FinishedSegment[] = [];
  #finishedBytes = 0;
  #segments = 0;
  #lastLook: number;
  #lastNotAfter: number;
  #resets = 0;
  #frames = 0;
  #commitTx: Map<string, number> | undefined = new Map();

  constructor(files: LiveFiles, start: RecorderStart, now: () => number) {
    this.#files = files;
    this.#start = start;
    this.#now = now;
    this.#tx = start.tx;
    this.#previous = start.previous;
    this.#lastLook = now();
    this.#lastNotAfter = start.notAfter;
    if (start.position !== null && start.position.frame > 0) this.#continueFrom(start.position);
  }

  /** Records what was committed up to now. */
  tail(): TailResult {
    const lookedAt = this.#now();
    const index = this.#files.walIndex();
    const before = this.#tx;
    const caughtUp = index === undefined ? false : this.#follow(index);
    this.#lastLook = lookedAt;
    return {
      caughtUp,
      tx: this.#tx,
      commits: this.#tx - before,
      frames: this.#frames,
      resets: this.#resets,
      openBytes: this.#finishedBytes + (this.#writer?.plainBytes ?? 0),
      walFrames: index?.maxFrame ?? 0,
      backfilledFrames: index?.backfilledFrames ?? 0,
      walBytes: this.#files.identity('wal')?.sizeBytes ?? 0,
    };
  }

  /** Number of the commit that ends at this place; undefined when it was not recorded since the start. */
  txAt(position: WalPosition): number | undefined {
    const { position: start } = this.#start;
    if (start !== null && sameGeneration(start, position) && start.frame === position.frame) return this.#start.tx;
    return this.#commitTx?.get(placeOf(position, position.frame));
  }

  /** Forgets what `txAt` needs: the base of the epoch is known. */
  forgetCommits(): void {
    this.#commitTx = undefined;
  }

  /** Ends the open segment. Returns all finished ones that were not handed over yet, oldest first. */
  flush(): readonly FinishedSegment[] {
    this.#finishSegment();
    const finished = this.#finished;
    this.#finished = [];
    this.#finishedBytes = 0;
    return finished;
  }

  #continueFrom(position: WalPosition): void {
    const descriptor = this.#files.descriptor('wal');
    const header = descriptor === undefined ? undefined : readWalHeader(descriptor);
    if (descriptor === undefined || header === undefined || !sameGeneration(header, position)) {
      if (this.#start.isPinned) return;
      throw new ArchiveGap('the WAL was restarted while nobody archived it');
    }
    const bytes = this.#files.read('wal', walFrameOffset(position.frame, header.pageSizeBytes), 24);
    const frame = bytes.length === 24 ? parseWalFrameHeader(bytes) : undefined;
    const same =
      frame !== undefined &&
      sameGeneration(frame, position) &&
      frame.checksum1 === position.checksum1 &&
      frame.checksum2 === position.checksum2;
    if (!same) throw new ArchiveGap('the WAL does not hold the last archived frame any more');
    this.#header = header;
    this.#position = position;
  }

  /** False when the files are in motion: look again. */
  #follow(index: WalIndexHeader): boolean {
    // After a checkpoint that emptied the WAL its next salts are not known before the next commit.
    if (index.maxFrame === 0) return true;
    if (this.#header !== undefined && sameGeneration(index, this.#header) && this.#position?.frame === index.maxFrame) {
      this.#requireSameChain(index);
      return true;
    }
    this.#files.refresh('wal');
    const descriptor = this.#files.descriptor('wal');
    const header = descriptor === undefined ? undefined : readWalHeader(descriptor);
    if (descriptor === undefined || header === undefined || !sameGeneration(header, index)) return false;
    if (this.#header === undefined || !sameGeneration(header, this.#header)) this.#enterGeneration(header);
    return this.#record(descriptor, header, index);
  }

  #enterGeneration(header: WalHeader): void {
    if (this.#header !== undefined) this.#resets += 1;
    this.#finishSegment();
    this.#header = header;
    this.#position = { frame: 0, checksum1: header.checksum1, checksum2: header.checksum2 };
  }

  /** All frames up to the one of the wal-index are committed, and the pins keep them as they are. */
  #record(descriptor: number, header: WalHeader, index: WalIndexHeader): boolean {
    const from = this.#position as WalChainPosition;
    if (from.frame > index.maxFrame) throw new ArchiveGap('the WAL became shorter than what is archived');
    const notAfter = Math.max(this.#now(), this.#lastNotAfter);
    this.#lastNotAfter = notAfter;
    const notBefore = Math.min(this.#lastLook, notAfter);
    const compress = (index.maxFrame - from.frame) * header.pageSizeBytes < hurryBytes;
    scanWal(descriptor, header, {
      from,
      untilFrame: index.maxFrame,
      onFrame: (frame, position, bytes) => {
        const writer = this.#writer ?? this.#startSegment(header);
        writer.compress = compress;
        const commit = frame.pagesAfterCommit > 0;
        const { frame: number } = position;
        writer.append(
          bytes,
          position,
          commit ? { frame: number, pages: frame.pagesAfterCommit, notBefore, notAfter } : undefined,
        );
        this.#position = position;
        this.#frames += 1;
        if (!commit) return;
        this.#tx += 1;
        this.#commitTx?.set(placeOf(header, number), this.#tx);
        if (writer.plainBytes >= this.#start.segmentBytes) this.#finishSegment();
      },
    });
    if (this.#position?.frame !== index.maxFrame) throw new ArchiveGap('a committed frame of the WAL cannot be read');
    this.#requireSameChain(index);
    return true;
  }

  /** Equal frame numbers must mean equal frames: a commit whose fsync failed may have been overwritten. */
  #requireSameChain(index: WalIndexHeader): void {
    const position = this.#position as WalChainPosition;
    if (position.checksum1 === index.frameChecksum1 && position.checksum2 === index.frameChecksum2) return;
    throw new ArchiveGap('the WAL and the archive diverged');
  }

  #startSegment(header: WalHeader): SegmentWriter {
    const { frame, checksum1, checksum2 } = this.#position as WalChainPosition;
    const file = join(this.#start.stagingFolder, `segment-${this.#segments++}.wseg`);
    this.#writer = new SegmentWriter(file, {
      format: 1,
      epoch: this.#start.epoch,
      pageSizeBytes: header.pageSizeBytes,
      checksumOrder: header.checksumOrder,
      salt1: header.salt1,
      salt2: header.salt2,
      firstFrame: frame + 1,
      seed1: checksum1,
      seed2: checksum2,
      firstTx: this.#tx + 1,
      previous: this.#previous,
    });
    return this.#writer;
  }

  #finishSegment(): void {
    const writer = this.#writer;
    const segment = writer?.finish();
    this.#writer = undefined;
    if (writer === undefined || segment === undefined) return;
    this.#finishedBytes += writer.plainBytes;
    this.#previous = segment.digest;
    this.#finished.push(segment);
  }
}

function placeOf({ salt1, salt2 }: Pick<WalPosition, 'salt1' | 'salt2'>, frame: number): string {
  return `${salt1}-${salt2}-${frame}`;
}
