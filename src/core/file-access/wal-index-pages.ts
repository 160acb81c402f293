import { walIndexHeaderBytes } from '../file-format/wal-index-header.ts';
import type { LiveFiles } from './live-files.ts';

/** Page numbers of a WAL-index lie in blocks of 32 KiB, each followed by a hash table (walformat, section 2.2). */
const blockBytes = 32_768;
const blockEntries = 4096;
/** The header takes the place of the others in the first block. */
const firstBlockEntries = blockEntries - walIndexHeaderBytes / 4;

/**
 * The page numbers of the frames from `first` to `last`, four bytes each instead of a whole frame; fewer where the file
 * ends before. Integers of a WAL-index are in the byte order of the host.
 */
export function walIndexPages(files: LiveFiles, first: number, last: number): number[] {
  const pages: number[] = [];
  for (let frame = first; frame <= last; ) {
    const block = frame <= firstBlockEntries ? 0 : Math.floor((frame - firstBlockEntries - 1) / blockEntries) + 1;
    const blockFirst = block === 0 ? 1 : firstBlockEntries + (block - 1) * blockEntries + 1;
    const until = Math.min(last, blockFirst + (block === 0 ? firstBlockEntries : blockEntries) - 1);
    const start = block === 0 ? walIndexHeaderBytes : block * blockBytes;
    const wanted = until - frame + 1;
    const bytes = files.read('shm', start + (frame - blockFirst) * 4, wanted * 4);
    const found = Math.floor(bytes.length / 4);
    for (const page of new Uint32Array(bytes.buffer, bytes.byteOffset, found)) pages.push(page);
    if (found < wanted) break;
    frame = until + 1;
  }
  return pages;
}
