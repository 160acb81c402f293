import type { LiveFiles } from '../../file-access/live-files.ts';
import { walIndexPages } from '../../file-access/wal-index-pages.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';
import type { FrameSource } from './frame-reader.ts';

/**
 * Tells which pages were written from their numbers in the WAL-index alone: four bytes for each frame instead of a page.
 * It does not say where a commit ends, and what an old generation held is gone with the restart of the WAL.
 */
export class IndexReader implements FrameSource {
  readonly #files: LiveFiles;
  #position: WalIndexHeader | undefined;
  #framesPerCommit = 1;

  constructor(files: LiveFiles) {
    this.#files = files;
  }

  read(
    index: WalIndexHeader,
    sink: { frame(pageNumber: number, isCommit: boolean, page: Uint8Array): void },
    newCommits: number,
  ): number {
    const known = this.#position;
    this.#position = index;
    if (known === undefined) return 0;
    const isSame = known.salt1 === index.salt1 && known.salt2 === index.salt2;
    const pages = walIndexPages(this.#files, isSame ? known.maxFrame + 1 : 1, index.maxFrame);
    // Restarted meanwhile: the numbers may be those of the next generation.
    const now = this.#files.walIndex();
    if (now === undefined || now.salt1 !== index.salt1 || now.salt2 !== index.salt2) return 0;
    for (const [position, page] of pages.entries()) sink.frame(page, position === pages.length - 1, nothing);
    if (!isSame) return Math.min(newCommits, Math.round(pages.length / this.#framesPerCommit));
    if (newCommits > 0 && pages.length > 0) this.#framesPerCommit = Math.max(1, pages.length / newCommits);
    return newCommits;
  }
}

const nothing = new Uint8Array(0);
