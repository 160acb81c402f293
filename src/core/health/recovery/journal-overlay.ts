import { type JournalImages, readJournalImages } from '../../file-format/journal-records.ts';
import type { HealthTarget, PageOverlay } from '../target.ts';

export interface JournalOverlay {
  readonly images: JournalImages;
  readonly overlay: PageOverlay;
  /** Pages of the database before the interrupted transaction. */
  readonly pageCount: number;
}

/**
 * Page images of a hot journal: the state before the transaction that was interrupted. Pages in the database file are
 * half of it. Undefined when the journal is not in use or is of another database.
 */
export function readJournalOverlay(target: HealthTarget): JournalOverlay | undefined {
  const { journal, files, pageSize } = target;
  const header = journal?.header;
  if (journal === undefined || header === undefined) return undefined;
  // The page size is written with the first record; an unwritten one means that nothing was journaled.
  if (header.pageSizeBytes !== pageSize || header.initialPageCount === 0) return undefined;
  const images = readJournalImages(
    (offset, length) => files.read('journal', offset, length),
    header,
    journal.sizeBytes,
  );
  const overlay: PageOverlay = {
    read(page) {
      const at = images.imageAt.get(page);
      return at === undefined ? undefined : files.read('journal', at, pageSize);
    },
  };
  return { images, overlay, pageCount: header.initialPageCount };
}
