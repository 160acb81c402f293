import {
  parseWalFrameHeader,
  WalChain,
  type WalChainPosition,
  type WalFrameHeader,
  walFrameBytes,
  walFrameCapacity,
  walFrameOffset,
} from '../../file-format/wal-frame.ts';
import { sameGeneration, type WalHeader } from '../../file-format/wal-header.ts';
import { parseWalIndexHeader, walIndexHeaderBytes } from '../../file-format/wal-index-header.ts';
import type { HealthTarget } from '../target.ts';
import { readPageNumbers } from '../wal-view.ts';

/** Commits behind a broken frame of the WAL, verified from the checksum that the broken frame stores. */
export interface Reanchored {
  /** Newest frame of each page, with those before the break. */
  readonly frameOf: ReadonlyMap<number, number>;
  readonly commits: number;
  readonly frames: number;
  readonly pageCount: number;
  /** Pages whose newest image was in a broken frame: what is left of them is older. */
  readonly stalePages: readonly number[];
  /** The wal-index, or a later frame of the same page, confirms which pages the broken frames held. */
  readonly certain: boolean;
}

/** So many broken frames in a row are skipped to find one from which the chain goes on. */
const longestGap = 64;

interface Walk {
  readonly target: HealthTarget;
  readonly header: WalHeader;
  readonly capacity: number;
  readonly frameOf: Map<number, number>;
  open: [page: number, frame: number][];
  readonly lost: number[];
  commits: number;
  frames: number;
  pageCount: number;
}

/** Undefined when the chain is whole, or nothing behind the break verifies. */
export function reanchor(target: HealthTarget): Reanchored | undefined {
  const { wal, pageSize } = target;
  if (wal.header === undefined || wal.fault?.kind !== 'chain' || wal.header.pageSizeBytes !== pageSize)
    return undefined;
  const walk: Walk = {
    target,
    header: wal.header,
    capacity: walFrameCapacity(wal.fileBytes, pageSize),
    frameOf: new Map(wal.frameOf),
    open: [],
    lost: [],
    commits: 0,
    frames: 0,
    pageCount: wal.pageCount,
  };
  const start = positionAt(walk, wal.committedFrames);
  let end = follow(walk, start).position.frame;
  for (let next = anchorBehind(walk, end); next !== undefined; next = anchorBehind(walk, end)) {
    for (let frame = end + 1; frame <= next.frame; frame++) walk.lost.push(frame);
    end = follow(walk, next).position.frame;
  }
  return walk.commits === 0 ? undefined : judge(walk);
}

/** Takes frames into the walk for as long as they verify. */
function follow(walk: Walk, from: WalChainPosition): WalChain {
  const chain = new WalChain(walk.header, from);
  for (let number = from.frame + 1; number <= walk.capacity; number++) {
    const frame = chain.next(frameBytes(walk, number));
    if (frame === undefined) break;
    walk.open.push([frame.pageNumber, number]);
    if (frame.pagesAfterCommit === 0) continue;
    for (const [page, at] of walk.open) walk.frameOf.set(page, at);
    walk.frames += walk.open.length;
    walk.open = [];
    walk.commits += 1;
    walk.pageCount = frame.pagesAfterCommit;
  }
  return chain;
}

/** The first frame behind `end` from whose stored checksum the next one verifies. */
function anchorBehind(walk: Walk, end: number): WalChainPosition | undefined {
  for (let frame = end + 1; frame < Math.min(walk.capacity, end + longestGap); frame++) {
    const position = positionAt(walk, frame);
    if (new WalChain(walk.header, position).next(frameBytes(walk, frame + 1)) !== undefined) return position;
  }
  return undefined;
}

function judge(walk: Walk): Reanchored {
  const byIndex = pagesByIndex(walk);
  const stale = new Set<number>();
  let certain = true;
  const last = Math.max(0, ...walk.frameOf.values());
  // A broken frame behind the last commit belongs to no commit.
  for (const frame of walk.lost.filter((one) => one < last)) {
    const page = byIndex?.[frame - 1] ?? frameHeader(walk, frame).pageNumber;
    if (byIndex?.[frame - 1] === undefined) certain = false;
    if (page >= 1 && page <= walk.pageCount && (walk.frameOf.get(page) ?? 0) < frame) stale.add(page);
  }
  const { frameOf, commits, frames, pageCount } = walk;
  return { frameOf, commits, frames, pageCount, stalePages: [...stale], certain };
}

/** Page of each frame by the left-over wal-index, when it is of the same generation. */
function pagesByIndex({ target, header }: Walk): readonly number[] | undefined {
  const bytes = target.files.read('shm', 0, walIndexHeaderBytes);
  const index = bytes.length < walIndexHeaderBytes ? undefined : parseWalIndexHeader(bytes);
  if (index === undefined || !sameGeneration(header, index)) return undefined;
  return readPageNumbers(target.files, index.maxFrame);
}

function frameBytes({ target, header }: Walk, number: number): Uint8Array {
  const size = walFrameBytes(header.pageSizeBytes);
  const bytes = target.files.read('wal', walFrameOffset(number, header.pageSizeBytes), size);
  return bytes.length === size ? bytes : new Uint8Array(size);
}

function frameHeader(walk: Walk, number: number): WalFrameHeader {
  return parseWalFrameHeader(frameBytes(walk, number));
}

function positionAt(walk: Walk, frame: number): WalChainPosition {
  if (frame === 0) return { frame: 0, checksum1: walk.header.checksum1, checksum2: walk.header.checksum2 };
  const { checksum1, checksum2 } = frameHeader(walk, frame);
  return { frame, checksum1, checksum2 };
}
