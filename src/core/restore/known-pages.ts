import { closeSync, openSync, writeSync } from 'node:fs';
import type { Manifest } from '../backup/manifest/manifest.ts';
import type { Repository } from '../backup/repository/repository.ts';
import type { ArchivedSegment } from '../backup/wal-archive/chain.ts';
import { endOf, readPages } from '../backup/wal-archive/segment-reading.ts';
import type { OperationContext } from '../context.ts';
import { TradedbError, throwIfCancelled } from '../error.ts';
import { fingerprintBytes, writeFingerprints } from '../file-format/page-fingerprint.ts';
import { applyPoint } from './apply.ts';
import { applyState } from './apply-state.ts';
import { type ReplayRoute, routeTo } from './point-in-time.ts';
import { selectPoint } from './select.ts';

/** What a repository knows about every page of a database: the state of a backup, and the commits archived after it. */
export interface KnownPages {
  readonly backupId: string;
  /** Milliseconds since 1970 UTC. */
  readonly backupAt: number;
  readonly stateAt: number;
  readonly segments: number;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  /** Of the newest state, 12 bytes for every page. */
  readonly fingerprints: Uint8Array;
  /** Place in the WAL of the database that has this state. */
  readonly end: NonNullable<Manifest['position']> | undefined;
  fetch(pages: readonly number[], file: string): Promise<void>;
  restore(file: string): Promise<void>;
}

interface Search {
  readonly repository: Repository;
  readonly databaseId: string | undefined;
  /** Without one: the newest state, with the archived commits. */
  readonly backupId: string | undefined;
  readonly workers: number;
}

/** Reads page fingerprints of a backup and of the commits archived after it. Throws `backup_not_found`. */
export async function readKnownPages(search: Search, context: OperationContext): Promise<KnownPages> {
  const { repository } = search;
  const { point, lineage, route } = await choose(search);
  const index = await repository.pageIndex(lineage);
  const newest: NewestFrames =
    route === undefined
      ? { fingerprints: index.fingerprints, segmentOf: new Map(), end: point.position ?? undefined }
      : await withCommits(search.repository, point, { route, fingerprints: index.fingerprints }, context);
  const restorePoint = (file: string, pages?: ReadonlySet<number>) =>
    applyPoint(
      { repository, lineage, file, workers: search.workers, ...(pages === undefined ? {} : { pages }) },
      context,
    );
  return {
    backupId: point.id,
    backupAt: Date.parse(point.createdAt),
    stateAt: route?.commit.notAfter ?? Date.parse(point.createdAt),
    segments: route?.segments.length ?? 0,
    pageSizeBytes: point.database.pageSizeBytes,
    pageCount: route?.commit.pages ?? point.database.pageCount,
    fingerprints: newest.fingerprints,
    end: newest.end,
    async fetch(pages, file) {
      const inArchive = pages.filter((page) => newest.segmentOf.has(page));
      await restorePoint(file, new Set(pages.filter((page) => !newest.segmentOf.has(page))));
      if (route === undefined || inArchive.length === 0) return;
      await writeArchived(repository, { point, route, wanted: new Set(inArchive), file }, newest.segmentOf, context);
    },
    async restore(file) {
      await applyState({ repository, lineage, file, workers: search.workers, route }, context);
    },
  };
}

async function choose(
  search: Search,
): Promise<{ point: Manifest; lineage: readonly Manifest[]; route: ReplayRoute | undefined }> {
  const { repository, databaseId, backupId } = search;
  if (backupId !== undefined) {
    return { ...(await selectPoint(repository, databaseId, { kind: 'backup', id: backupId })), route: undefined };
  }
  const selected = await selectPoint(repository, databaseId, { kind: 'latest' });
  const route = await routeTo(repository, selected.point.database.id, { kind: 'latest' });
  const base = route?.lineage.at(-1);
  // A backup that is newer than all that is archived knows more.
  if (route === undefined || base === undefined || Date.parse(selected.point.createdAt) > route.commit.notAfter) {
    return { ...selected, route: undefined };
  }
  return { point: base, lineage: route.lineage, route };
}

interface NewestFrames {
  readonly fingerprints: Uint8Array;
  /** Segment with the newest image of a page, for pages that were written after the backup. */
  readonly segmentOf: ReadonlyMap<number, ArchivedSegment>;
  readonly end: KnownPages['end'];
}

async function withCommits(
  repository: Repository,
  point: Manifest,
  base: { readonly route: ReplayRoute; readonly fingerprints: Uint8Array },
  context: OperationContext,
): Promise<NewestFrames> {
  const { route } = base;
  const fingerprints = new Uint8Array(route.commit.pages * fingerprintBytes);
  fingerprints.set(base.fingerprints.subarray(0, fingerprints.length));
  const segmentOf = new Map<number, ArchivedSegment>();
  const place = { databaseId: point.database.id, epoch: route.epoch.id };
  for (const segment of route.segments) {
    throwIfCancelled(context.signal);
    const wanted = { after: route.baseTx, upTo: route.tx };
    const { newest, pageSizeBytes } = await readPages(repository, place, segment, wanted);
    for (const [pageNumber, page] of newest) {
      if (pageNumber > route.commit.pages) continue;
      writeFingerprints(page, pageSizeBytes, fingerprints, (pageNumber - 1) * fingerprintBytes);
      segmentOf.set(pageNumber, segment);
    }
  }
  const end = await endOf(repository, point.database.id, route.epoch);
  return { fingerprints, segmentOf, end: end?.position };
}

async function writeArchived(
  repository: Repository,
  work: {
    readonly point: Manifest;
    readonly route: ReplayRoute;
    readonly wanted: ReadonlySet<number>;
    readonly file: string;
  },
  segmentOf: ReadonlyMap<number, ArchivedSegment>,
  context: OperationContext,
): Promise<void> {
  const { point, route, wanted, file } = work;
  const place = { databaseId: point.database.id, epoch: route.epoch.id };
  const needed = new Set([...wanted].map((page) => segmentOf.get(page)));
  const descriptor = openSync(file, 'r+');
  try {
    for (const segment of route.segments.filter((one) => needed.has(one))) {
      throwIfCancelled(context.signal);
      const { newest } = await readPages(repository, place, segment, { after: route.baseTx, upTo: route.tx });
      for (const [pageNumber, page] of newest) {
        if (!wanted.has(pageNumber) || segmentOf.get(pageNumber) !== segment) continue;
        const written = writeSync(descriptor, page, 0, page.length, (pageNumber - 1) * page.length);
        if (written !== page.length) throw new TradedbError('disk_full', `no space left on the device of ${file}`);
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
