import type { OperationContext } from '../../context.ts';
import { childEntry } from '../../file-access/child-entry.ts';
import { ReaderProcess } from '../../file-access/reader-process.ts';
import { markStandby, restoreHeader } from './standby-header.ts';

export interface Batch {
  /** Newest version of every page; the first page is always among them, in its original form. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
  readonly pagesAfter: number;
  /** Change counter of the standby after the batch; null gives the first page its original form back. */
  readonly counter: number | null;
}

/** Pages that go to the child in one message. */
const pagesPerMessage = 256;

/** The parent's end of the process that writes a standby. */
export class StandbyWriter {
  readonly #process: ReaderProcess;

  private constructor(process: ReaderProcess) {
    this.#process = process;
  }

  static async open(path: string, pageSizeBytes: number, context: OperationContext): Promise<StandbyWriter> {
    // Not bound to the signal: a batch that has begun is ended.
    const child = new ReaderProcess(childEntry('./standby-writer-main', import.meta.url), { clock: context.clock });
    try {
      await child.call('open', { path, pageSizeBytes });
      return new StandbyWriter(child);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** Waits for readers and takes the lock; the first page as it is now, or undefined when readers are in the way. */
  async lock(waitMs: number): Promise<Uint8Array | undefined> {
    const answer = await this.#process.call<{ page: Uint8Array } | { busy: true }>('lock', { waitMs });
    return 'page' in answer ? answer.page : undefined;
  }

  /** The first page as it is now. */
  first(): Promise<Uint8Array> {
    return this.#process.call('first', {});
  }

  /** Writes a batch under the lock, which is given back. */
  async apply(batch: Batch): Promise<void> {
    const numbers = [...batch.pages.keys()].filter((page) => page <= batch.pagesAfter).sort((a, b) => a - b);
    await this.#process.call('begin', { pages: Uint32Array.from(numbers), pagesAfter: batch.pagesAfter });
    for (let start = 0; start < numbers.length; ) {
      let end = start + 1;
      while (end - start < pagesPerMessage && numbers[end] === (numbers[end - 1] as number) + 1) end++;
      const run = numbers.slice(start, end).map((page) => this.#formOf(page, batch));
      await this.#process.call('write', { page: numbers[start], bytes: new Uint8Array(Buffer.concat(run)) });
      start = end;
    }
    await this.#process.call('commit', { pagesAfter: batch.pagesAfter });
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  #formOf(page: number, { pages, counter }: Batch): Uint8Array {
    const bytes = pages.get(page) as Uint8Array;
    if (page > 1 || counter === null) return bytes;
    const first = new Uint8Array(bytes);
    markStandby(first, counter);
    return first;
  }
}

/** The first page of the original, by what the standby has and the bytes that were kept of it. */
export function originalPage(page: Uint8Array, original: string): Uint8Array {
  const first = new Uint8Array(page);
  restoreHeader(first, original);
  return first;
}
