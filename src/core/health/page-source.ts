import { walFrameBytes, walFrameOffset } from '../file-format/wal-frame.ts';
import type { HealthTarget } from './target.ts';

const blockBytes = 1024 * 1024;

/** The newest committed image of every page: from the WAL where it has one, else from the database file. */
export class PageSource {
  readonly pageSize: number;
  readonly pageCount: number;
  readonly #target: HealthTarget;

  constructor(target: HealthTarget) {
    this.#target = target;
    this.pageSize = target.pageSize;
    this.pageCount = target.pageCount;
  }

  /** Undefined when neither file holds the whole page, or when it does not exist. */
  read(pageNumber: number): Uint8Array | undefined {
    if (pageNumber < 1 || pageNumber > this.pageCount) return undefined;
    const laidOver = this.#target.overlay?.read(pageNumber) ?? this.#readFrame(pageNumber);
    if (laidOver !== undefined) return laidOver;
    const page = this.#target.files.read('database', (pageNumber - 1) * this.pageSize, this.pageSize);
    return page.length === this.pageSize ? page : undefined;
  }

  /**
   * Visits the pages from `first` to `last` in order, read in blocks, until `visit` returns false at the end of a block.
   * A page that cannot be read whole is visited as undefined. Returns the last page visited. The bytes of a page are good
   * until the next block is read: a fresh buffer for each costs as much as the reading.
   */
  forEach(
    first: number,
    last: number,
    visit: (page: Uint8Array | undefined, pageNumber: number) => void,
    proceed: (visited: number) => boolean,
  ): number {
    const { pageSize } = this;
    const perBlock = Math.max(1, Math.floor(blockBytes / pageSize));
    const { overlay, wal } = this.#target;
    const buffer = new Uint8Array(Math.min(perBlock, Math.max(0, last - first + 1)) * pageSize);
    const views = Array.from({ length: buffer.length / pageSize }, (_, index) =>
      buffer.subarray(index * pageSize, (index + 1) * pageSize),
    );
    let number = first;
    while (number <= last) {
      const wanted = Math.min(perBlock, last - number + 1);
      const target = wanted === views.length ? buffer : buffer.subarray(0, wanted * pageSize);
      const block = this.#target.files.readInto('database', (number - 1) * pageSize, target);
      const whole = Math.floor(block.length / pageSize);
      for (let index = 0; index < wanted; index++, number++) {
        const inFile = index < whole ? views[index] : undefined;
        const newer = wal.frameOf.has(number) || overlay !== undefined;
        visit(newer ? (overlay?.read(number) ?? this.#readFrame(number) ?? inFile) : inFile, number);
      }
      if (!proceed(number - 1)) break;
    }
    return number - 1;
  }

  #readFrame(pageNumber: number): Uint8Array | undefined {
    const { wal, files } = this.#target;
    const frame = wal.frameOf.get(pageNumber);
    if (frame === undefined || wal.header?.pageSizeBytes !== this.pageSize) return undefined;
    const start = walFrameOffset(frame, this.pageSize) + walFrameBytes(this.pageSize) - this.pageSize;
    const page = files.read('wal', start, this.pageSize);
    return page.length === this.pageSize ? page : undefined;
  }
}
