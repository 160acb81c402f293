/** The page on which SQLite keeps its lock bytes holds nothing; it exists only in files that reach this far. */
const lockByteOffset = 1024 ** 3;

/** Pages that hold the map of page owners, in a file of `pages` pages with auto_vacuum: one for every usable / 5 pages. */
export function pointerMapPages(pages: number, pageBytes: number): number {
  if (pages < 2) return 0;
  const mapped = Math.floor(pageBytes / 5);
  return Math.ceil((pages - 1) / (mapped + 1));
}

/** Bytes by which VACUUM would shrink the file. Overflow pages are copied as they are. */
export function reclaimBytes(file: {
  readonly pages: number;
  readonly pageBytes: number;
  readonly freelistPages: number;
  readonly autoVacuum: boolean;
  readonly reclaimPages: number;
}): number {
  const removed = file.freelistPages + file.reclaimPages;
  const after = file.pages - removed;
  const maps = file.autoVacuum
    ? pointerMapPages(file.pages, file.pageBytes) - pointerMapPages(after, file.pageBytes)
    : 0;
  const lockPage = file.pages * file.pageBytes > lockByteOffset && after * file.pageBytes <= lockByteOffset ? 1 : 0;
  return Math.max(0, removed + maps + lockPage) * file.pageBytes;
}
