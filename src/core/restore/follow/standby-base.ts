import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lineageOf } from '../../backup/manifest/lineage.ts';
import type { Manifest } from '../../backup/manifest/manifest.ts';
import { type Epoch, readEpochs } from '../../backup/wal-archive/epoch.ts';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { flushFolder } from '../../storage/local-folder.ts';
import { type ArchiveTarget, routeTo } from '../point-in-time.ts';
import { type RestoreRequest, restorePoint } from '../restore.ts';
import type { FollowLimit, FollowRequest } from './follow-request.ts';
import { markStandby, originalHeader, restoreHeader } from './standby-header.ts';
import { type StandbyState, writeState } from './standby-state.ts';
import type { Batch } from './standby-writer.ts';

/** The state that a new standby begins with: the newest archived one within the limit. */
export async function startStandby(request: FollowRequest, context: OperationContext): Promise<StandbyState> {
  const { repository, databaseId, target } = request;
  const route = await routeTo(repository, databaseId, targetOf(request.limit));
  const epoch = route?.epoch ?? (await readEpochs(repository, databaseId)).at(-1);
  if (epoch === undefined) {
    throw new TradedbError('backup_not_found', 'no commits of this database are archived', {
      hint: 'a standby follows the archive: tradedb backup archive',
    });
  }
  const lineage = route?.lineage ?? (await lineageOfBase(request, epoch));
  const pageSizeBytes = (lineage.at(-1) as Manifest).database.pageSizeBytes;
  const file = partialName(request, context);
  try {
    await restorePoint({ ...restoreOf(request), lineage, route, target: file }, context);
    const original = await rewriteFirstPage(file, pageSizeBytes, (page) => markStandby(page, firstCounter));
    const state: StandbyState = {
      format: 1,
      databaseId,
      pageSizeBytes,
      current: {
        epoch: epoch.id,
        tx: route?.tx ?? epoch.base.tx,
        counter: firstCounter,
        original,
        notAfter: route?.commit.notAfter ?? Date.parse((lineage.at(-1) as Manifest).createdAt),
      },
      next: null,
    };
    // The note first: a file without one would be taken for somebody else's.
    await writeState(target, state);
    await rename(file, target);
    await flushFolder(dirname(target));
    return state;
  } finally {
    await rm(file, { force: true });
  }
}

const firstCounter = 1;

/** What a standby has to get so that it is the base of a new epoch: the pages that differ. */
export async function rebase(
  request: FollowRequest & { readonly epoch: Epoch; readonly pageSizeBytes: number; readonly original: string },
  context: OperationContext,
): Promise<Pick<Batch, 'pages' | 'pagesAfter'> & { notAfter: number }> {
  const { epoch, pageSizeBytes, target } = request;
  const lineage = await lineageOfBase(request, epoch);
  const point = lineage.at(-1) as Manifest;
  if (point.database.pageSizeBytes !== pageSizeBytes) {
    throw new TradedbError('unsupported', 'the page size of the database changed', {
      hint: 'remove the standby, and let restore follow make it anew',
    });
  }
  const file = partialName(request, context);
  try {
    await restorePoint({ ...restoreOf(request), lineage, target: file }, context);
    const pages = await differingPages(file, target, request);
    return { pages, pagesAfter: point.database.pageCount, notAfter: Date.parse(point.createdAt) };
  } finally {
    await rm(file, { force: true });
  }
}

const pagesPerRead = 256;

/** Pages of `wanted` that the standby has otherwise. Reading it is safe: only we write it. */
async function differingPages(
  wanted: string,
  standby: string,
  { pageSizeBytes, original }: { pageSizeBytes: number; original: string },
): Promise<Map<number, Uint8Array>> {
  const pages = new Map<number, Uint8Array>();
  const [a, b] = [await open(wanted, 'r'), await open(standby, 'r')];
  try {
    const bytes = { a: new Uint8Array(pagesPerRead * pageSizeBytes), b: new Uint8Array(pagesPerRead * pageSizeBytes) };
    for (let first = 1; ; first += pagesPerRead) {
      const offset = (first - 1) * pageSizeBytes;
      const read = (await a.read(bytes.a, 0, bytes.a.length, offset)).bytesRead;
      if (read === 0) return pages;
      bytes.b.fill(0);
      const there = (await b.read(bytes.b, 0, bytes.b.length, offset)).bytesRead;
      if (first === 1) restoreHeader(bytes.b, original);
      for (let start = 0; start < read; start += pageSizeBytes) {
        const page = bytes.a.subarray(start, start + pageSizeBytes);
        const old = bytes.b.subarray(start, start + pageSizeBytes);
        const same = start + pageSizeBytes <= there && Buffer.compare(page, old) === 0;
        if (!same) pages.set(first + start / pageSizeBytes, new Uint8Array(page));
      }
    }
  } finally {
    await a.close();
    await b.close();
  }
}

function targetOf(limit: FollowLimit | null): ArchiveTarget {
  return limit ?? { kind: 'latest' };
}

async function lineageOfBase({ repository, databaseId }: FollowRequest, epoch: Epoch): Promise<readonly Manifest[]> {
  const { points } = await repository.points(databaseId);
  const base = points.find((point) => point.id === epoch.base.pointId);
  if (base !== undefined) return lineageOf(base, new Map(points.map((point) => [point.id, point])));
  throw new TradedbError(
    'backup_not_found',
    `backup ${epoch.base.pointId}, on which epoch ${epoch.id} builds, is not there`,
    {
      hint: 'see: tradedb backup verify',
    },
  );
}

function partialName({ target }: FollowRequest, context: OperationContext): string {
  return `${target}.follow-${Buffer.from(context.random.bytes(3)).toString('hex')}`;
}

function restoreOf(request: FollowRequest): Omit<RestoreRequest, 'lineage' | 'target'> {
  return {
    repository: request.repository,
    replace: false,
    discardOld: false,
    checkpointOld: false,
    force: false,
    check: 'none',
    workers: request.workers,
    owner: request.owner,
    stateDirectory: request.stateDirectory,
    takeLease: false,
  };
}

/** Changes the first page of a file that nobody else knows; gives what the standby has other bytes for. */
async function rewriteFirstPage(path: string, length: number, change: (page: Uint8Array) => void): Promise<string> {
  const file = await open(path, 'r+');
  try {
    const page = new Uint8Array(length);
    await file.read(page, 0, length, 0);
    const original = originalHeader(page);
    change(page);
    await file.write(page, 0, length, 0);
    await file.sync();
    return original;
  } finally {
    await file.close();
  }
}
