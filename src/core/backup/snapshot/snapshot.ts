import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { childEntry } from '../../file-access/child-entry.ts';
import { ReaderProcess } from '../../file-access/reader-process.ts';
import type { SnapshotView, WalPosition } from '../../file-access/snapshot-view.ts';
import { onlineCopy } from '../../sqlite/online-copy.ts';
import type { Codec } from '../chunk/codec.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { PackBase, PackProgress, PackRequest, PackResult } from './pack-job.ts';
import { factsOf, type Pin, type PinnedFacts, pin, type ReadAuditHead } from './pin.ts';

export interface SnapshotRequest {
  readonly database: string;
  readonly codec: Codec;
  readonly workers: number;
  readonly stagingFolder: string;
  /** Gives up when the `-wal` is larger than this while the snapshot is pinned. */
  readonly maxWalBytes: number;
  readonly busyTimeoutMs: number;
  /** Packs of an attempt that was interrupted. */
  readonly kept: readonly string[];
  readonly method: 'pages' | 'api';
  /** The parent's pages, when only changes are wanted; ignored when the page size differs. */
  readonly base: (PackBase & { readonly pageSizeBytes: number }) | null;
  readonly readAuditHead?: ReadAuditHead;
}

export interface Snapshot extends PackResult {
  readonly method: Manifest['method'];
  /** Why the files could not be read as they are. */
  readonly fallbackReason: string | null;
  /** Milliseconds since 1970 UTC. */
  readonly takenAt: number;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  readonly journalMode: 'wal' | 'rollback';
  readonly position: WalPosition | null;
  readonly walPages: number;
  readonly walGrowthBytes: number;
  readonly pinnedMs: number;
  readonly baseUsed: boolean;
  /** The archived commit whose state it is; null where it is not known. */
  readonly archived: { readonly epoch: string; readonly tx: number } | null;
  readonly facts: PinnedFacts;
}

type ViewFacts = Pick<SnapshotView, 'header' | 'pageSizeBytes' | 'pageCount' | 'position'> & { walPages: number };

/** Reads one committed state of a live database into packs in the staging folder. */
export async function takeSnapshot(request: SnapshotRequest, context: OperationContext): Promise<Snapshot> {
  const held = pin(request.database, context, request.busyTimeoutMs);
  const pinnedAt = context.clock.now();
  const walBefore = walBytes(request.database);
  const limit = new AbortController();
  const copy = join(request.stagingFolder, 'copy.db');
  const child = new ReaderProcess<PackProgress>(childEntry('./pack-main', import.meta.url), {
    clock: context.clock,
    signal: AbortSignal.any([context.signal, limit.signal]),
    onEvent: (progress) => onProgress(progress),
  });
  let onProgress = (_: PackProgress): void => {};
  try {
    const { view, fallbackReason } = await chooseView(child, held, { ...request, copy }, context);
    const takenAt = context.clock.wallTime();
    const total = view.pageCount * view.pageSizeBytes;
    const task = context.progress.start({ id: 'backup', label: 'backing up', unit: 'bytes', total });
    let done = 0;
    onProgress = ({ pagesRead }) => {
      task.advance(pagesRead * view.pageSizeBytes - done);
      done = pagesRead * view.pageSizeBytes;
      if (walBytes(request.database) > Math.max(request.maxWalBytes, walBefore)) limit.abort();
    };
    const base = request.base?.pageSizeBytes === view.pageSizeBytes ? request.base : null;
    // A function does not travel to another process.
    const { readAuditHead, ...plain } = request;
    const job: PackRequest = { ...plain, path: request.database, base, salt: context.random.bytes(32) };
    const packed = await child.call<PackResult>('pack', job);
    const walGrowthBytes = Math.max(0, walBytes(request.database) - walBefore);
    const facts = factsOf(held, readAuditHead);
    held.release();
    onProgress({ pagesRead: view.pageCount, storedBytes: packed.storedBytes });
    task.done();
    return {
      ...packed,
      method: fallbackReason === null ? 'pages' : 'api',
      fallbackReason,
      takenAt,
      pageSizeBytes: view.pageSizeBytes,
      pageCount: view.pageCount,
      journalMode: view.header.readVersion === 2 ? 'wal' : 'rollback',
      position: fallbackReason === null ? positionOf(view, packed) : null,
      walPages: view.walPages,
      walGrowthBytes,
      pinnedMs: context.clock.now() - pinnedAt,
      baseUsed: base !== null,
      archived: null,
      facts,
    };
  } catch (error) {
    throwIfCancelled(context.signal);
    if (limit.signal.aborted) throw walTooLarge(request);
    throw error;
  } finally {
    held.release();
    await child.stop();
    await rm(copy, { force: true });
  }
}

/** The files as they are, or a private copy through SQLite when they cannot be read as one state. */
async function chooseView(
  child: ReaderProcess<PackProgress>,
  held: Pin,
  request: SnapshotRequest & { copy: string },
  context: OperationContext,
): Promise<{ view: ViewFacts; fallbackReason: string | null }> {
  let reason = 'asked for with --method api';
  if (request.method === 'pages') {
    const answer = await child.call<ViewFacts | { unavailable: string }>('view', {
      path: request.database,
      standalone: false,
    });
    if (!('unavailable' in answer)) return { view: answer, fallbackReason: null };
    reason = answer.unavailable;
  }
  const task = context.progress.start({ id: 'copy', label: 'copying through SQLite', unit: 'pages' });
  let done = 0;
  await onlineCopy(held.connection, request.copy, {
    signal: context.signal,
    onStep: (pages, total) => {
      task.total(total);
      task.advance(pages - done);
      done = pages;
    },
  });
  task.done();
  const view = await child.call<ViewFacts>('view', { path: request.copy, standalone: true });
  return { view, fallbackReason: reason };
}

/** When the WAL was restarted meanwhile, the snapshot ends where the new generation begins. */
function positionOf(view: ViewFacts, packed: PackResult): WalPosition | null {
  if (view.position === null || !packed.overlayDropped) return view.position;
  return packed.generation === null ? null : { ...packed.generation, frame: 0, checksum1: 0, checksum2: 0 };
}

function walBytes(database: string): number {
  return statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

function walTooLarge(request: SnapshotRequest): TradedbError {
  return new TradedbError(
    'backup_failed',
    `the WAL of ${JSON.stringify(request.database)} grew beyond ${request.maxWalBytes} bytes during the backup`,
    { hint: 'use a faster disk for the repository, less compression (--codec none), or raise --max-wal' },
  );
}
