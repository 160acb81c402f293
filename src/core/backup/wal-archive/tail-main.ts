import { systemClock } from '../../../system/system-clock.ts';
import { TradedbError } from '../../error.ts';
import { LiveFiles } from '../../file-access/live-files.ts';
import { serveReader } from '../../file-access/reader-child.ts';
import { refuseSqlite } from '../../file-access/reader-guard.ts';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import { ArchiveGap, type RecorderStart, WalTailRecorder } from './wal-tail-recorder.ts';

/** Entry of the child process that records the WAL. The parent holds the pins; this process never opens SQLite. */

refuseSqlite();

let files: LiveFiles | undefined;
let recorder: WalTailRecorder | undefined;

/** A gap is an answer, not an error: the parent begins a new epoch. */
function orGap<T>(work: () => T): { value: T } | { gap: string } {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof ArchiveGap) return { gap: error.message };
    throw error;
  }
}

function replaced(path: string): TradedbError {
  return new TradedbError('database_replaced', `${JSON.stringify(path)} was replaced by another file`, {
    hint: 'start the archiver again: it names the gap, and begins with a backup of what differs',
  });
}

function started(): WalTailRecorder {
  if (recorder === undefined) throw new Error('the recorder has to be started first');
  return recorder;
}

serveReader(process, {
  start(input: RecorderStart) {
    files ??= new LiveFiles(input.path);
    // The database file stays open as long as the process lives; it is never read.
    files.descriptor('database');
    const opened = files;
    return orGap(() => {
      recorder = new WalTailRecorder(opened, input, () => systemClock.wallTime());
      return true;
    });
  },
  /** Where the WAL stands: the place behind its newest commit; null when it is empty. */
  floor({ path }: { path: string }) {
    files ??= new LiveFiles(path);
    const index = files.walIndex();
    if (index === undefined) return { unavailable: true };
    if (index.maxFrame === 0) return { position: null };
    const { salt1, salt2, maxFrame, frameChecksum1, frameChecksum2 } = index;
    return { position: { salt1, salt2, frame: maxFrame, checksum1: frameChecksum1, checksum2: frameChecksum2 } };
  },
  tail: () => {
    if (files !== undefined && !files.isSame('database')) throw replaced(files.path);
    return orGap(() => started().tail());
  },
  flush: () => started().flush(),
  txAt: (position: WalPosition) => started().txAt(position) ?? null,
  forgetCommits: () => started().forgetCommits(),
});
