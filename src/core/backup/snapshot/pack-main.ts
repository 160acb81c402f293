import { setInterval } from 'node:timers';
import { LiveFiles } from '../../file-access/live-files.ts';
import { serveReader } from '../../file-access/reader-child.ts';
import { refuseSqlite } from '../../file-access/reader-guard.ts';
import { SnapshotUnavailable, type SnapshotView, takeSnapshotView } from '../../file-access/snapshot-view.ts';
import { type PackRequest, slot } from './pack-job.ts';
import { packSnapshot } from './pack-snapshot.ts';

/**
 * Entry of the child process that reads and packs a snapshot. The parent holds the read transaction; this process never
 * opens SQLite, so that opening and closing the files drops nobody's locks.
 */

refuseSqlite();

let files: LiveFiles | undefined;
let view: SnapshotView | undefined;

serveReader(process, {
  view({ path, standalone }: { path: string; standalone: boolean }) {
    files = new LiveFiles(path);
    try {
      view = takeSnapshotView(files, standalone);
    } catch (error) {
      if (error instanceof SnapshotUnavailable) return { unavailable: error.message };
      throw error;
    }
    const { overlayPages, overlayFrames, ...facts } = view;
    return { ...facts, walPages: overlayPages.length, walFrames: overlayFrames.length };
  },
  async pack(request: PackRequest, emit) {
    if (files === undefined || view === undefined) throw new Error('the snapshot has to be taken first');
    const pagesRead = (state: Int32Array) => ({
      pagesRead: Atomics.load(state, slot.pagesRead),
      storedBytes: Atomics.load(state, slot.storedKiB) * 1024,
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await packSnapshot(files, view, request, (state) => {
        timer = setInterval(() => emit(pagesRead(state)), 100);
      });
    } finally {
      clearInterval(timer);
    }
  },
});
