import type { WalPosition } from '../../file-access/snapshot-view.ts';
import type { Repository } from '../repository/repository.ts';
import type { ArchivedSegment } from './chain.ts';
import { decodeMerged, decodeMergedFooter } from './merged-format.ts';
import {
  decodeSegment,
  decodeSegmentFooter,
  type SegmentCommit,
  type StoredSegment,
  segmentFooterBytes,
  segmentKey,
  segmentTrailerBytes,
} from './segment-format.ts';
import { brokenArchive, framesOf, mergedPages } from './segment-frames.ts';

/** Reads segments, whether they hold single commits or merged ones. */

export interface SegmentPlace {
  readonly databaseId: string;
  readonly epoch: string;
}

/** A commit that can be restored. */
export interface RestorableCommit {
  readonly tx: number;
  /** Size of the database. */
  readonly pages: number;
  /** The commit happened between these moments (milliseconds since 1970 UTC). */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The commits of a segment that can be restored, oldest first, read from its end. */
export async function readCommits(
  repository: Repository,
  { databaseId, epoch }: SegmentPlace,
  segment: StoredSegment,
): Promise<readonly RestorableCommit[]> {
  const key = segmentKey(databaseId, epoch, segment);
  const trailerAt = segment.sizeBytes - segmentTrailerBytes;
  const trailer = await repository.storage.read(key, { offset: trailerAt, length: segmentTrailerBytes });
  const length = segmentFooterBytes(trailer);
  const body = await repository.storage.read(key, { offset: trailerAt - length, length });
  if (segment.merged !== null) return decodeMergedFooter(body, trailer).states;
  return numbered(decodeSegmentFooter(body, trailer).commits, segment);
}

/** The whole segment as it was archived; it must stand in the chain where its name and the segment before it say. */
export async function readSegment(
  repository: Repository,
  place: SegmentPlace,
  segment: ArchivedSegment,
): Promise<ReturnType<typeof decodeSegment>> {
  return segmentIn(await readStored(repository, place, segment), place, segment);
}

/** The same of a segment of merged commits. */
export async function readMerged(
  repository: Repository,
  place: SegmentPlace,
  segment: ArchivedSegment,
): Promise<ReturnType<typeof decodeMerged>> {
  return mergedIn(await readStored(repository, place, segment), place, segment);
}

/** The bytes of a segment as they are stored, not checked yet. */
export function readStored(repository: Repository, place: SegmentPlace, segment: StoredSegment): Promise<Uint8Array> {
  return repository.storage.read(segmentKey(place.databaseId, place.epoch, segment));
}

function segmentIn(bytes: Uint8Array, place: SegmentPlace, segment: ArchivedSegment): ReturnType<typeof decodeSegment> {
  const decoded = decodeSegment(bytes, segment.digest);
  requirePlace(decoded, place, segment);
  return decoded;
}

function mergedIn(bytes: Uint8Array, place: SegmentPlace, segment: ArchivedSegment): ReturnType<typeof decodeMerged> {
  const decoded = decodeMerged(bytes, segment.digest);
  requirePlace(decoded, place, segment);
  if (decoded.header.merged !== segment.merged) throw brokenArchive('a segment has the name of another one');
  return decoded;
}

function requirePlace(
  {
    header,
    footer,
  }: { header: { epoch: string; firstTx: number; previous: string | null }; footer: { lastTx: number } },
  place: SegmentPlace,
  segment: ArchivedSegment,
): void {
  const isHere = header.epoch === place.epoch && header.firstTx === segment.firstTx && footer.lastTx === segment.lastTx;
  if (!isHere) throw brokenArchive('a segment is misplaced');
  if (header.previous !== segment.previous) throw brokenArchive('a segment does not follow the one before');
}

/** Digest that a segment names as the one before it. */
export async function previousOf(
  repository: Repository,
  { databaseId, epoch }: SegmentPlace,
  segment: StoredSegment,
): Promise<string | null> {
  const bytes = await repository.storage.read(segmentKey(databaseId, epoch, segment));
  const decode = segment.merged === null ? decodeSegment : decodeMerged;
  return decode(bytes, segment.digest).header.previous;
}

export interface WantedCommits {
  /** Commits behind this one, */
  readonly after: number;
  /** up to this one, */
  readonly upTo: number;
  /** and not after this moment. */
  readonly notAfter?: number;
}

export interface SegmentPages {
  readonly pageSizeBytes: number;
  /** The first commit of the segment that can be restored. */
  readonly first: RestorableCommit | undefined;
  /** The last wanted one; undefined when none was wanted. */
  readonly last: RestorableCommit | undefined;
  /** Where that ends in its WAL. */
  readonly end: WalPosition | undefined;
  /** The last version of every page that the wanted commits write. */
  readonly newest: Map<number, Uint8Array>;
}

/** What commits of a segment write. */
export async function readPages(
  repository: Repository,
  place: SegmentPlace,
  segment: ArchivedSegment,
  wanted: WantedCommits,
): Promise<SegmentPages> {
  return pagesOf(await readStored(repository, place, segment), place, segment, wanted);
}

/** The same of bytes that were read; the pages are parts of them where they are not compressed. */
export function pagesOf(
  stored: Uint8Array,
  place: SegmentPlace,
  segment: ArchivedSegment,
  { after, upTo, notAfter = Number.POSITIVE_INFINITY }: WantedCommits,
): SegmentPages {
  const newest = new Map<number, Uint8Array>();
  const isWanted = (commit: RestorableCommit) => commit.tx > after && commit.tx <= upTo && commit.notAfter <= notAfter;
  if (segment.merged !== null) {
    const { header, footer, blocks } = mergedIn(stored, place, segment);
    for (const { state, pageNumber, page } of mergedPages(header, footer, blocks)) {
      if (isWanted(state) && !newest.has(pageNumber)) newest.set(pageNumber, page);
    }
    const last = footer.states.findLast(isWanted);
    return { pageSizeBytes: header.pageSizeBytes, first: footer.states[0], last, newest, end: last?.position };
  }
  const { header, footer, blocks } = segmentIn(stored, place, segment);
  const commits = numbered(footer.commits, segment);
  const last = commits.findLast(isWanted);
  let end: WalPosition | undefined;
  for (const { frame, page, tx, position } of framesOf(header, blocks)) {
    if (last === undefined || tx > last.tx) break;
    if (tx <= after) continue;
    newest.set(frame.pageNumber, page);
    if (tx === last.tx && frame.pagesAfterCommit > 0) {
      if (frame.pagesAfterCommit !== last.pages) throw brokenArchive('a commit differs from the table of its segment');
      end = { salt1: header.salt1, salt2: header.salt2, ...position };
    }
  }
  if (last !== undefined && end === undefined) {
    throw brokenArchive(`commit ${last.tx} is not where the table of its segment says`);
  }
  return { pageSizeBytes: header.pageSizeBytes, first: commits[0], last, newest, end };
}

function numbered(commits: readonly SegmentCommit[], { firstTx }: StoredSegment): readonly RestorableCommit[] {
  return commits.map((commit, index) => ({ ...commit, tx: firstTx + index }));
}

/** The commits of a segment that can be restored, with the number of pages that are stored for each. */
export async function readFrameCounts(
  repository: Repository,
  place: SegmentPlace,
  segment: ArchivedSegment,
): Promise<readonly (RestorableCommit & { readonly frames: number })[]> {
  if (segment.merged !== null) {
    const { footer } = await readMerged(repository, place, segment);
    return footer.states.map((state) => ({ ...state, frames: state.stored }));
  }
  const { header, footer } = await readSegment(repository, place, segment);
  return numbered(footer.commits, segment).map((commit, index) => {
    const before = footer.commits[index - 1]?.frame ?? header.firstFrame - 1;
    return { ...commit, frames: (footer.commits[index]?.frame ?? before) - before };
  });
}

/** Number of the commit that ends at a place in a WAL; undefined when that is not in the segment. */
export async function commitAt(
  repository: Repository,
  place: SegmentPlace,
  segment: ArchivedSegment,
  position: WalPosition,
): Promise<number | undefined> {
  const isSame = (one: { salt1: number; salt2: number }) =>
    one.salt1 === position.salt1 && one.salt2 === position.salt2;
  if (segment.merged !== null) {
    const { footer } = await readMerged(repository, place, segment);
    return footer.states.find((state) => isSame(state.position) && state.position.frame === position.frame)?.tx;
  }
  const { header, footer } = await readSegment(repository, place, segment);
  if (!isSame(header)) return undefined;
  if (header.firstFrame - 1 === position.frame && header.seed1 === position.checksum1) return header.firstTx - 1;
  const index = footer.commits.findIndex((commit) => commit.frame === position.frame);
  return index === -1 ? undefined : header.firstTx + index;
}

interface EpochEnd {
  readonly position: WalPosition;
  readonly lastTx: number;
  readonly digest: string;
  readonly lastNotAfter: number;
}

/** Where an epoch ends: what a later archiver has to find in the WAL to go on. Null without a segment. */
export async function endOf(
  repository: Repository,
  databaseId: string,
  epoch: { readonly id: string; readonly segments: readonly ArchivedSegment[] },
): Promise<EpochEnd | null> {
  const last = epoch.segments.at(-1);
  if (last === undefined) return null;
  const place = { databaseId, epoch: epoch.id };
  const digest = last.merged ?? last.digest;
  if (last.merged !== null) {
    const state = (await readMerged(repository, place, last)).footer.states.at(-1);
    if (state === undefined) throw brokenArchive('merged commits without a state');
    return { position: state.position, lastTx: last.lastTx, digest, lastNotAfter: state.notAfter };
  }
  const { header, footer } = await readSegment(repository, place, last);
  const { salt1, salt2 } = header;
  const { lastFrame: frame, checksum1, checksum2, lastTx } = footer;
  const lastNotAfter = footer.commits.at(-1)?.notAfter ?? 0;
  return { position: { salt1, salt2, frame, checksum1, checksum2 }, lastTx, digest, lastNotAfter };
}
