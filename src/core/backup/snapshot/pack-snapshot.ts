import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { childEntry } from '../../file-access/child-entry.ts';
import type { LiveFiles } from '../../file-access/live-files.ts';
import { PageSource } from '../../file-access/page-source.ts';
import { type ErrorData, fromErrorData } from '../../file-access/reader-protocol.ts';
import type { SnapshotView } from '../../file-access/snapshot-view.ts';
import { readWalHeader } from '../../file-access/wal-tail.ts';
import { fingerprintBytes } from '../../file-format/page-fingerprint.ts';
import { fromStorage } from '../../storage/storage-error.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';
import { chunkCount, encodePageIndex, type PageIndex, stateDigest } from '../chunk/page-index.ts';
import {
  type PackBase,
  type PackRequest,
  type PackResult,
  slot,
  slotCount,
  type ThreadJob,
  type ThreadResult,
} from './pack-job.ts';
import { reusablePacks } from './resume.ts';

/** Packs a snapshot with several threads; runs in the reader child. `started` gets the shared state for progress. */
export async function packSnapshot(
  files: LiveFiles,
  view: SnapshotView,
  request: PackRequest,
  started: (state: Int32Array) => void,
): Promise<PackResult> {
  const state = new Int32Array(new SharedArrayBuffer(slotCount * 4));
  const fingerprints = sharedBytes(view.pageCount * fingerprintBytes);
  const chunkDigests = sharedBytes(chunkCount(view.pageCount) * 32);
  const reused = sharedBytes(chunkCount(view.pageCount));
  const descriptors = { database: files.descriptor('database') as number, wal: files.descriptor('wal') };
  const source = new PageSource(view, { path: files.path, ...descriptors }, state.subarray(slot.generationGone, 1));
  const kept = request.base === null ? reusablePacks(request.kept, { view, source, codec: request.codec }, reused) : [];
  const resumedBytes = sum(kept.map((pack) => pack.sizeBytes));
  const job: Omit<ThreadJob, 'thread'> = {
    path: files.path,
    descriptors,
    reused,
    view,
    codec: request.codec,
    stagingFolder: request.stagingFolder,
    base: request.base === null ? null : shareBase(request.base),
    state,
    fingerprints,
    chunkDigests,
  };
  started(state);
  const threads = Math.max(1, Math.min(request.workers, chunkCount(view.pageCount)));
  const results = await Promise.all(Array.from({ length: threads }, (_, thread) => runThread({ ...job, thread })));
  const index: PageIndex = { pageSizeBytes: view.pageSizeBytes, pageCount: view.pageCount, fingerprints, chunkDigests };
  return {
    packs: [...kept, ...results.flatMap((result) => result.packs)],
    pageIndex: writePageIndex(request, index),
    digest: stateDigest(index),
    storedPages: sum(results.map((result) => result.storedPages)) + sum(kept.map((pack) => pack.pages)),
    storedBytes: sum(results.map((result) => result.storedBytes)) + resumedBytes,
    resumedBytes,
    overlayDropped: Atomics.load(state, slot.generationGone) === 1,
    generation: currentGeneration(files),
  };
}

function currentGeneration(files: LiveFiles): PackResult['generation'] {
  files.refresh('wal');
  const descriptor = files.descriptor('wal');
  const header = descriptor === undefined ? undefined : readWalHeader(descriptor);
  return header === undefined ? null : { salt1: header.salt1, salt2: header.salt2 };
}

function runThread(job: ThreadJob): Promise<ThreadResult> {
  const entry = childEntry('./pack-thread-main', import.meta.url);
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry.path, { workerData: job });
    worker.on('message', (message: { value: ThreadResult } | { error: ErrorData }) => {
      if ('value' in message) resolve(message.value);
      else reject(fromErrorData(message.error));
    });
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`a packing thread ended early (${code})`)));
  });
}

function writePageIndex({ stagingFolder, base, salt }: PackRequest, index: PageIndex): PackResult['pageIndex'] {
  const parent = base === null ? undefined : { ...base, pageSizeBytes: index.pageSizeBytes };
  return storePageIndex(stagingFolder, encodePageIndex(index, parent), salt);
}

/** Writes the object into the staging folder and flushes it; the salt keeps its name from telling what is in it. */
export function storePageIndex(folder: string, index: Uint8Array, salt: Uint8Array): PackResult['pageIndex'] {
  const file = join(folder, 'pages');
  const bytes = Buffer.concat([index, salt]);
  try {
    const descriptor = openSync(file, 'wx');
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    fsyncSync(descriptor);
    closeSync(descriptor);
  } catch (error) {
    throw fromStorage(error, file);
  }
  return { file, name: hex(sha256(bytes)), sizeBytes: bytes.length };
}

function shareBase(base: PackBase): PackBase {
  const share = (bytes: Uint8Array): Uint8Array => {
    const shared = sharedBytes(bytes.length);
    shared.set(bytes);
    return shared;
  };
  return {
    pageCount: base.pageCount,
    fingerprints: share(base.fingerprints),
    chunkDigests: share(base.chunkDigests),
  };
}

function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
