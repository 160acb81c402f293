import type { Clock } from '../../context.ts';
import { findPageFault, isBtreeType } from '../../file-format/btree-page.ts';
import { parseDatabaseHeader } from '../../file-format/database-header.ts';
import type { Freelist } from '../../file-format/freelist.ts';
import { type TextEncoding, textEncoding } from '../../file-format/record.ts';
import { foreignReason } from '../checks/wal-checks.ts';
import { PageSource } from '../page-source.ts';
import type { StructureFault } from '../structure/page-roles.ts';
import { scanStructure } from '../structure/scan.ts';
import { gatherTarget, type HealthTarget } from '../target.ts';
import { type JournalOverlay, readJournalOverlay } from './journal-overlay.ts';
import { rebuildFreelist } from './lost-freelist.ts';
import { mendedHeader } from './mended-header.ts';
import { type ResolvedChains, resolveChains } from './overflow-chain.ts';
import { type Reanchored, reanchor } from './reanchor.ts';

/** A database as far as it can be read: pages through the WAL, without trusting the header more than it deserves. */
export interface SalvageSource {
  readonly target: HealthTarget;
  readonly pages: PageSource;
  readonly pageSize: number;
  readonly usableSize: number;
  readonly pageCount: number;
  readonly encoding: TextEncoding;
  /** The header is destroyed: page size and encoding are what the pages look like. */
  readonly headerLost: boolean;
  /** Why the WAL was left out. */
  readonly walIgnored: string | undefined;
  /** Commits behind a broken frame of the WAL: the pages are read with them. */
  readonly reanchored: Reanchored | undefined;
  /** A hot journal, whose images lie over the pages of the file. */
  readonly journal: JournalOverlay | undefined;
  readonly freelist: Freelist;
  /** The page that the end of the file cuts, filled up with zeros, and how much of it is there. */
  cutPage?(number: number): { readonly page: Uint8Array; readonly availableBytes: number } | undefined;
  /** Free pages are known, so that every other page was in use. */
  readonly freelistSound: boolean;
  /** The header is gone, and the list of free pages was put together again from its pages. */
  readonly freelistRebuilt: boolean;
  /** Overflow pages that more than one row claims, or that are not what they should be. */
  readonly suspects: ReadonlySet<number>;
  /** Chains of rows that share such a page with another one and can be told apart. */
  readonly chains: ResolvedChains;
  readonly faults: readonly StructureFault[];
  readonly faultCount: number;
  close(): void;
}

const noWal = { committedFrames: 0, commits: 0, pageCount: 0, frameOf: new Map<number, number>(), framesVerified: 0 };

/**
 * `withReanchored`: pages are read with the commits behind a broken frame of the WAL, where such verify. `trustWal`: also
 * through a WAL that is older than the file, as long as its pages have the size of those of the database.
 */
export function openSalvageSource(
  path: string,
  options: {
    readonly clock: Clock;
    readonly throwIfCancelled: () => void;
    readonly withReanchored: boolean;
    readonly trustWal: boolean;
  },
): SalvageSource {
  const found = gatherTarget(path);
  const headerLost = found.header === undefined;
  const walIgnored = options.trustWal && fitsFile(found) ? undefined : foreignReason(found);
  let target = found;
  if (walIgnored !== undefined) target = withoutWal(target);
  if (headerLost) target = withGuessedSizes(target);
  const reanchored = options.withReanchored ? reanchor(target) : undefined;
  if (reanchored !== undefined) target = withCommits(target, reanchored);
  const journal = readJournalOverlay(target);
  if (journal !== undefined) target = withJournal(target, journal);
  const pages = new PageSource(target);
  const { usableSize, pageCount, header } = target;
  const limits = { usableSize, pageCount };
  const rebuilt = header === undefined ? rebuildFreelist(pages, limits) : undefined;
  const scan = scanStructure(target, { ...options, budgetMs: 0, firstPage: 1, freelist: rebuilt });
  const { freelist } = scan;
  const source = {
    target,
    pages,
    pageSize: target.pageSize,
    usableSize,
    pageCount,
    encoding: encodingOf(target),
    headerLost,
    walIgnored,
    reanchored,
    journal,
    freelist,
    freelistSound: header !== undefined && freelist.fault === undefined,
    freelistRebuilt: rebuilt !== undefined,
    suspects: new Set(scan.faults.filter(({ kind }) => kind === 'overflow').map(({ page }) => page)),
    faults: scan.faults,
    faultCount: scan.faultCount,
    cutPage: (number: number) => cutPage(target, number),
    close: () => found.files.close(),
  };
  const free = new Set([...freelist.trunks, ...freelist.leaves]);
  return { ...source, chains: resolveChains({ ...source, free, autoVacuum: (header?.largestRootPage ?? 0) > 0 }) };
}

function fitsFile({ wal, headerBytes }: HealthTarget): boolean {
  return wal.header?.pageSizeBytes === parseDatabaseHeader(headerBytes)?.pageSizeBytes;
}

function cutPage(target: HealthTarget, number: number) {
  const { pageSize, sizeBytes, files, wal } = target;
  const start = (number - 1) * pageSize;
  const availableBytes = sizeBytes - start;
  if (availableBytes <= 0 || availableBytes >= pageSize || wal.frameOf.has(number)) return undefined;
  const page = new Uint8Array(pageSize);
  page.set(files.read('database', start, availableBytes));
  return { page, availableBytes };
}

/** The database file alone, with its own header. */
function withoutWal(target: HealthTarget): HealthTarget {
  const header = parseDatabaseHeader(target.headerBytes);
  const pageSize = header?.pageSizeBytes ?? target.pageSize;
  const pageCount = header?.pageCountValid ? header.pageCount : Math.floor(target.sizeBytes / pageSize);
  const usableSize = pageSize - (header?.reservedBytes ?? 0);
  return { ...target, header, pageSize, usableSize, pageCount, wal: { ...target.wal, ...noWal } };
}

/** The chain goes on behind the break: pages and page 1 as they are then. */
function withCommits(target: HealthTarget, { frameOf, pageCount, frames }: Reanchored): HealthTarget {
  const wal = { ...target.wal, frameOf, pageCount, committedFrames: target.wal.committedFrames + frames };
  const next = { ...target, wal, pageCount };
  return { ...next, header: newestHeader(next) ?? target.header };
}

/** The state before the interrupted transaction. */
function withJournal(target: HealthTarget, { overlay, pageCount }: JournalOverlay): HealthTarget {
  const next = { ...target, overlay, pageCount };
  return { ...next, header: newestHeader(next) ?? target.header };
}

function newestHeader(target: HealthTarget): HealthTarget['header'] {
  const page = new PageSource(target).read(1);
  return page === undefined ? undefined : parseDatabaseHeader(page.subarray(0, 100));
}

function withGuessedSizes(target: HealthTarget): HealthTarget {
  const journalPages = target.journal?.header?.pageSizeBytes ?? 0;
  const known = target.wal.header?.pageSizeBytes ?? (journalPages > 0 ? journalPages : undefined);
  const pageSize = known ?? guessPageSize(target);
  const pageCount = Math.floor(target.sizeBytes / pageSize);
  const header = mendedHeader(target.headerBytes, { pageSize, pageCount });
  const usableSize = pageSize - (header?.reservedBytes ?? 0);
  return { ...target, ...(header === undefined ? {} : { header }), pageSize, usableSize, pageCount };
}

const sampledBytes = 4 * 1024 * 1024;

/**
 * The page size with which the file looks like b-tree pages. The start of a page is also the start of a larger one, which
 * then looks sound too; so the smallest size wins that explains about as much as the best.
 */
function guessPageSize(target: HealthTarget): number {
  const guesses: { size: number; bytes: number }[] = [];
  for (let size = 512; size <= 65536; size *= 2) guesses.push({ size, bytes: soundPages(target, size) * size });
  const most = Math.max(...guesses.map(({ bytes }) => bytes));
  return most === 0 ? 4096 : (guesses.find(({ bytes }) => bytes >= most / 2)?.size ?? 4096);
}

function soundPages(target: HealthTarget, size: number): number {
  const pageCount = Math.floor(target.sizeBytes / size);
  // The same part of the file for each size.
  const last = Math.min(pageCount, Math.max(2, Math.floor(sampledBytes / size)));
  let sound = 0;
  for (let number = 2; number <= last; number++) {
    const page = target.files.read('database', (number - 1) * size, size);
    const looksRight = page.length === size && isBtreeType(page[0] ?? 0) && !isEmpty(page);
    if (looksRight && findPageFault(page, number, { usableSize: size, pageCount }) === undefined) sound += 1;
  }
  return sound;
}

function isEmpty(page: Uint8Array): boolean {
  return page[3] === 0 && page[4] === 0;
}

function encodingOf(target: HealthTarget): TextEncoding {
  const codes = { utf8: 1, utf16le: 2, utf16be: 3, unset: 1 } as const;
  return textEncoding(codes[target.header?.textEncoding ?? 'utf8']) ?? 'utf-8';
}
