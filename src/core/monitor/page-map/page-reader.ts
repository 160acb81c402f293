import type { LiveFiles } from '../../file-access/live-files.ts';
import { walIndexPages } from '../../file-access/wal-index-pages.ts';
import { walFrameHeaderBytes, walFrameOffset } from '../../file-format/wal-frame.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';

/**
 * Pages of a live database as they are after the last commit: the newest frame of the WAL, or the file. Nothing pins the
 * snapshot, so a page can be newer than another; readers must bear children that make no sense.
 */
export class PageReader {
  readonly pageSizeBytes: number;
  readonly #files: LiveFiles;
  readonly #frames = new Map<number, number>();

  /** Without an index the file alone is read. */
  constructor(files: LiveFiles, pageSizeBytes: number, index: WalIndexHeader | undefined) {
    this.#files = files;
    this.pageSizeBytes = pageSizeBytes;
    if (index === undefined) return;
    for (const [at, page] of walIndexPages(files, 1, index.maxFrame).entries()) this.#frames.set(page, at + 1);
  }

  /** Undefined behind the end of the file. */
  page(number: number): Uint8Array | undefined {
    const frame = this.#frames.get(number);
    const size = this.pageSizeBytes;
    const bytes =
      frame === undefined
        ? this.#files.read('database', (number - 1) * size, size)
        : this.#files.read('wal', walFrameOffset(frame, size) + walFrameHeaderBytes, size);
    return bytes.length === size ? bytes : undefined;
  }
}
