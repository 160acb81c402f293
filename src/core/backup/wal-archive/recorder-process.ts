import type { Clock } from '../../context.ts';
import { childEntry } from '../../file-access/child-entry.ts';
import { ReaderProcess } from '../../file-access/reader-process.ts';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import type { FinishedSegment } from './segment-writer.ts';
import type { RecorderStart, TailResult } from './wal-tail-recorder.ts';

export type OrGap<T> = { readonly value: T } | { readonly gap: string };

/** The archiver's end of the recording child process. */
export class RecorderProcess {
  readonly #process: ReaderProcess;
  readonly #path: string;

  /** Not bound to the signal of the operation: after an interrupt there are still frames to record. */
  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#process = new ReaderProcess(childEntry('./tail-main', import.meta.url), { clock });
  }

  start(start: Omit<RecorderStart, 'path'>): Promise<OrGap<true>> {
    return this.#process.call('start', { ...start, path: this.#path });
  }

  /** The place behind the newest commit; null when the WAL is empty. */
  floor(): Promise<{ position: WalPosition | null } | { unavailable: true }> {
    return this.#process.call('floor', { path: this.#path });
  }

  tail(): Promise<OrGap<TailResult>> {
    return this.#process.call('tail', {});
  }

  flush(): Promise<readonly FinishedSegment[]> {
    return this.#process.call('flush', {});
  }

  txAt(position: WalPosition): Promise<number | null> {
    return this.#process.call('txAt', position);
  }

  forgetCommits(): Promise<void> {
    return this.#process.call('forgetCommits', {});
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
