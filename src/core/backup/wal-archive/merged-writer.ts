import { BlockFile } from './block-file.ts';
import { encodeMergedFooter, encodeMergedHeader, type MergedHeader, type MergedState } from './merged-format.ts';

const blockBytes = 1024 * 1024;
/** It is written once, in nobody's way, and read for years. */
const compressionLevel = 3;

/** Writes a segment of merged commits, the pages of the newest state first; memory stays at one block. */
export class MergedWriter {
  readonly #file: BlockFile;
  readonly #recordBytes: number;
  readonly #block: Uint8Array;
  #filled = 0;

  constructor(path: string, header: MergedHeader) {
    this.#recordBytes = header.pageSizeBytes + 4;
    this.#block = new Uint8Array(Math.max(1, Math.floor(blockBytes / this.#recordBytes)) * this.#recordBytes);
    this.#file = new BlockFile(path);
    this.#file.write(encodeMergedHeader(header));
  }

  add(pageNumber: number, page: Uint8Array): void {
    if (this.#filled === this.#block.length) this.#writeBlock();
    new DataView(this.#block.buffer).setUint32(this.#filled, pageNumber, true);
    this.#block.set(page, this.#filled + 4);
    this.#filled += this.#recordBytes;
  }

  /** Ends and flushes the file. `states` are in order, with the numbers of pages that were added for each. */
  finish(states: MergedState[]): { readonly digest: string; readonly sizeBytes: number } {
    this.#writeBlock();
    this.#file.write(
      encodeMergedFooter({ lastTx: states.at(-1)?.tx ?? 0, blockBytes: this.#file.blocksBytes, states }),
    );
    return this.#file.finish();
  }

  close(): void {
    this.#file.close();
  }

  #writeBlock(): void {
    this.#file.writeBlock(this.#block.subarray(0, this.#filled), compressionLevel);
    this.#filled = 0;
  }
}
