import type { LiveFiles } from '../../file-access/live-files.ts';
import { walFrameHeaderBytes, walFrameOffset } from '../../file-format/wal-frame.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';

/** Page numbers of frames in the WAL-index: 4,062 from byte 136, then 4,096 at each multiple of 32 KiB. */
const firstBlockEntries = 4062;
const blockEntries = 4096;
const blockBytes = 32_768;
const firstBlockOffset = 136;

const hostIsLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

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
    for (const [frame, page] of pageNumbers(files, 1, index.maxFrame)) this.#frames.set(page, frame);
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

/** Frame and page number of the frames from `first` to `last`, as the WAL-index lists them. */
export function* pageNumbers(files: LiveFiles, first: number, last: number): Generator<[frame: number, page: number]> {
  let frame = first;
  while (frame <= last) {
    const block = frame <= firstBlockEntries ? 0 : Math.floor((frame - firstBlockEntries - 1) / blockEntries) + 1;
    const blockFirst = block === 0 ? 1 : firstBlockEntries + (block - 1) * blockEntries + 1;
    const entries = block === 0 ? firstBlockEntries : blockEntries;
    const start = block === 0 ? firstBlockOffset : block * blockBytes;
    const until = Math.min(last, blockFirst + entries - 1);
    const bytes = files.read('shm', start + (frame - blockFirst) * 4, (until - frame + 1) * 4);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + 4 <= bytes.length; at += 4) yield [frame + at / 4, view.getUint32(at, hostIsLittle)];
    frame = until + 1;
  }
}
