import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import { fingerprintBytes, writeFingerprints } from '../../file-format/page-fingerprint.ts';
import type { LeaseOwner } from '../../lease.ts';
import type { Codec } from '../chunk/codec.ts';
import { sha256 } from '../chunk/pack-format.ts';
import { PackWriter } from '../chunk/pack-writer.ts';
import {
  chunkCount,
  copyOf,
  encodePageIndex,
  type PageIndex,
  pagesPerChunk,
  stateDigest,
} from '../chunk/page-index.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Repository } from '../repository/repository.ts';
import { storePageIndex } from '../snapshot/pack-snapshot.ts';
import type { ReadAuditHead } from '../snapshot/pin.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { type ArchivedNow, archivedNow, recordingArchiver, txOfPoint } from '../wal-archive/archived-place.ts';
import type { ArchivedSegment } from '../wal-archive/chain.ts';
import type { Epoch } from '../wal-archive/epoch.ts';
import { brokenArchive } from '../wal-archive/segment-frames.ts';
import { readCommits, readPages } from '../wal-archive/segment-reading.ts';

export interface FromWalRequest {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly database: string;
  readonly busyTimeoutMs: number;
  readonly owner: LeaseOwner;
  readonly codec: Codec;
  readonly stagingFolder: string;
  /** How long to wait for the newest commit to be archived. */
  readonly archiveWaitMs: number;
  readonly readAuditHead?: ReadAuditHead;
}

/** What the archive has to say about a parent point and the state of this moment. */
interface Route {
  readonly now: ArchivedNow;
  readonly parentTx: number;
  /** Oldest first. */
  readonly segments: readonly ArchivedSegment[];
}

/**
 * An incremental of the newest state, made of the commits that were archived since the parent: the last version of each
 * changed page. The database is not read, so the cost follows what changed. Undefined when the archive does not lead
 * from the parent to this moment without a break, or would be more to read than the database.
 */
export async function takeFromArchive(
  request: FromWalRequest,
  parent: { readonly point: Manifest; readonly index: PageIndex },
  context: OperationContext,
): Promise<Snapshot | undefined> {
  const { journalMode } = parent.point.database;
  if (journalMode !== 'wal') return undefined;
  const started = context.clock.now();
  const route = await findRoute(request, parent.point, context);
  if (route === undefined) return undefined;
  const { now } = route;
  const packed = await pack(request, route, parent, context);
  if (packed === undefined) return undefined;
  const { index, writer, position, storedBytes } = packed;
  return {
    packs: writer.finished,
    pageIndex: storePageIndex(request.stagingFolder, encodePageIndex(index, parent.index), context.random.bytes(32)),
    digest: stateDigest(index),
    storedPages: writer.finished.reduce((sum, one) => sum + one.pages, 0),
    storedBytes,
    resumedBytes: 0,
    overlayDropped: false,
    generation: null,
    method: 'wal',
    fallbackReason: null,
    takenAt: now.takenAt,
    pageSizeBytes: index.pageSizeBytes,
    pageCount: index.pageCount,
    journalMode,
    position,
    walPages: 0,
    walGrowthBytes: 0,
    pinnedMs: context.clock.now() - started,
    baseUsed: true,
    archived: { epoch: now.epoch.id, tx: now.tx },
    facts: now.facts,
  };
}

async function findRoute(
  request: FromWalRequest,
  parent: Manifest,
  context: OperationContext,
): Promise<Route | undefined> {
  const waitMs = recordingArchiver(request, context) === undefined ? 0 : request.archiveWaitMs;
  const now = await archivedNow({ ...request, waitMs }, context);
  if (now === undefined || now === null) return undefined;
  const { epoch, tx } = now;
  const parentTx = await txOfPoint(request, epoch, parent, async () => nearestTx(request, epoch, parent));
  if (parentTx === undefined || parentTx > tx) return undefined;
  const segments = epoch.segments.filter((segment) => segment.lastTx > parentTx && segment.firstTx <= tx);
  const bytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const { pageCount, pageSizeBytes } = parent.database;
  if (bytes > Math.max(pageCount * pageSizeBytes, smallArchiveBytes)) return undefined;
  return { now, parentTx, segments };
}

/** So little is never worth reading a database for. */
const smallArchiveBytes = 8 * 1024 * 1024;

/** The last segment whose commits are not younger than the point. */
async function nearestTx({ repository, databaseId }: FromWalRequest, epoch: Epoch, point: Manifest): Promise<number> {
  let low = 0;
  let high = epoch.segments.length;
  const time = Date.parse(point.createdAt);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const place = { databaseId, epoch: epoch.id };
    const commits = await readCommits(repository, place, epoch.segments[middle] as ArchivedSegment);
    if ((commits[0]?.notAfter ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return epoch.segments[Math.max(0, low - 1)]?.lastTx ?? 0;
}

interface Packed {
  readonly index: PageIndex;
  readonly writer: PackWriter;
  readonly position: WalPosition | null;
  readonly storedBytes: number;
}

/** Reads the segments from the newest to the oldest: a page that was seen is final, and one segment is in memory. */
async function pack(
  request: FromWalRequest,
  { now, parentTx, segments }: Route,
  parent: { readonly point: Manifest; readonly index: PageIndex },
  context: OperationContext,
): Promise<Packed | undefined> {
  const { pageSizeBytes } = parent.index;
  const writer = new PackWriter(request.stagingFolder, 'wal', () => context.random.bytes(32));
  const stored = { bytes: 0 };
  let end: { pages: number; position: WalPosition } | undefined;
  let index: PageIndex | undefined;
  let seen = new Uint8Array(0);
  const bytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const task = context.progress.start({ id: 'backup', label: 'reading the archive', unit: 'bytes', total: bytes });
  const put = (pages: Map<number, Uint8Array>, target: PageIndex): void => {
    for (const page of pages.keys()) markChunk(target, page);
    storePages(writer, request.codec, { pages, index: target, stored });
  };
  for (const segment of [...segments].reverse()) {
    throwIfCancelled(context.signal);
    const place = { databaseId: request.databaseId, epoch: now.epoch.id };
    const read = await readPages(request.repository, place, segment, { after: parentTx, upTo: now.tx });
    if (read.pageSizeBytes !== pageSizeBytes) return undefined;
    const { newest } = read;
    if (end === undefined) {
      if (read.last?.tx !== now.tx || read.end === undefined) throw brokenArchive(`commit ${now.tx} is not there`);
      end = { pages: read.last.pages, position: read.end };
    }
    if (index === undefined) {
      index = copyOf(parent.index, end.pages);
      seen = new Uint8Array(end.pages + 1);
      if (end.pages !== parent.index.pageCount) forgetEnds(index, parent.index.pageCount);
    }
    for (const page of newest.keys()) {
      if (page > end.pages || seen[page] === 1) newest.delete(page);
      else seen[page] = 1;
    }
    put(newest, index);
    task.advance(segment.sizeBytes);
  }
  task.done();
  const known = index ?? copyOf(parent.index, parent.index.pageCount);
  // Pages that were allocated and never written are zeros.
  const empty = new Map<number, Uint8Array>();
  for (let page = parent.index.pageCount + 1; page <= known.pageCount; page++) {
    if (seen[page] !== 1) empty.set(page, new Uint8Array(pageSizeBytes));
  }
  put(empty, known);
  writer.finish();
  return { index: known, writer, position: end?.position ?? parent.point.position, storedBytes: stored.bytes };
}

/** The sha256 of a chunk of which only some pages were seen is not known. */
function markChunk(index: PageIndex, page: number): void {
  const chunk = Math.floor((page - 1) / pagesPerChunk);
  index.chunkDigests.fill(0, chunk * 32, (chunk + 1) * 32);
}

/** The chunks in which the database ended and ends have another number of pages now. */
function forgetEnds(index: PageIndex, before: number): void {
  for (const page of [Math.min(before, index.pageCount), index.pageCount]) {
    if (page > 0 && chunkCount(index.pageCount) > 0) markChunk(index, page);
  }
}

function storePages(
  writer: PackWriter,
  codec: Codec,
  { pages, index, stored }: { pages: Map<number, Uint8Array>; index: PageIndex; stored: { bytes: number } },
): void {
  const { pageSizeBytes } = index;
  const sorted = [...pages.keys()].sort((a, b) => a - b);
  for (let start = 0; start < sorted.length; start += pagesPerChunk) {
    const list = sorted.slice(start, start + pagesPerChunk);
    const body = new Uint8Array(list.length * pageSizeBytes);
    for (const [slot, page] of list.entries()) {
      const bytes = pages.get(page) as Uint8Array;
      body.set(bytes, slot * pageSizeBytes);
      writeFingerprints(bytes, pageSizeBytes, index.fingerprints, (page - 1) * fingerprintBytes);
    }
    stored.bytes += writer.store({ pages: list, body, digest: sha256(body) }, codec);
  }
}
