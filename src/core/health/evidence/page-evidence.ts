import { fingerprintBytes, sameFingerprint, writeFingerprints } from '../../file-format/page-fingerprint.ts';
import { parseWalFrameHeader, walFrameOffset } from '../../file-format/wal-frame.ts';
import { PageSource } from '../page-source.ts';
import type { HealthTarget } from '../target.ts';

/** A place in a WAL: behind a frame, with the running checksum there. */
export interface ArchiveEnd {
  readonly salt1: number;
  readonly salt2: number;
  readonly frame: number;
  readonly checksum1: number;
  readonly checksum2: number;
}

/** What a repository knows about every page: a backup, and the commits that were archived after it. */
export interface PageEvidence {
  readonly backupId: string;
  /** Moment of the backup, milliseconds since 1970 UTC. */
  readonly backupAt: number;
  /** Moment of the newest state that is known: of the backup, or of the last archived commit. */
  readonly stateAt: number;
  readonly segments: number;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  /** Of the newest state, 12 bytes for every page. */
  readonly fingerprints: Uint8Array;
  /** Where the archived commits end; undefined when none are archived after the backup. */
  readonly end: ArchiveEnd | undefined;
  /** Writes the images of these pages to their places in a new, sparse file; each is checked against its fingerprint. */
  fetch(pages: readonly number[], file: string): Promise<void>;
  /** Writes the whole newest state into a new file. */
  restore(file: string): Promise<void>;
}

/** Looks for evidence; a sentence when there is none. */
export type EvidenceSource = (backupId?: string) => Promise<PageEvidence | string>;

/** Kernels stamp files with a clock that lags some milliseconds behind. */
const clockGrainMs = 50;

export type Coverage =
  /** Nothing but the pages of `tail` was written since the newest known state. */
  | { readonly complete: true; readonly tail: ReadonlySet<number> }
  | { readonly complete: false; readonly reason: string };

/** Whether every write since the newest known state is known too. Without that, another page can simply be a newer one. */
export function coverageOf(target: HealthTarget, evidence: PageEvidence): Coverage {
  const no = (reason: string): Coverage => ({ complete: false, reason });
  const { wal, header } = target;
  if (wal.fault !== undefined) return no('the WAL is damaged, so the pages of its last commits are not known');
  if (evidence.pageSizeBytes !== target.pageSize) return no('the pages of the backup have another size');
  if (evidence.end !== undefined && wal.header !== undefined) {
    if (wal.header.salt1 === evidence.end.salt1 && wal.header.salt2 === evidence.end.salt2) {
      return continues(target, evidence.end)
        ? { complete: true, tail: pagesBehind(target, evidence.end.frame) }
        : no('the WAL differs from the one that was archived');
    }
  }
  if (wal.committedFrames > 0) return no('the WAL holds commits that do not continue the archived ones');
  if (target.journal?.header !== undefined && target.overlay === undefined) {
    return no('an interrupted transaction is half in the file');
  }
  // In a rollback-journal database every commit moves the change counter on page 1.
  if (header?.readVersion === 1 && evidence.segments === 0 && firstPageIsSame(target, evidence)) {
    return { complete: true, tail: new Set() };
  }
  if (evidence.segments === 0 && target.modifiedMs < evidence.backupAt - clockGrainMs)
    return { complete: true, tail: new Set() };
  const at = new Date(evidence.stateAt).toISOString();
  return no(`whether anything was committed after ${at} is not archived`);
}

/** The WAL holds the last archived frame, with the same running checksum. */
function continues(target: HealthTarget, end: ArchiveEnd): boolean {
  const { wal, files, pageSize } = target;
  if (end.frame > wal.committedFrames) return false;
  if (end.frame === 0) return true;
  const bytes = files.read('wal', walFrameOffset(end.frame, pageSize), 24);
  if (bytes.length < 24) return false;
  const stored = parseWalFrameHeader(bytes);
  return stored.checksum1 === end.checksum1 && stored.checksum2 === end.checksum2;
}

function pagesBehind({ wal }: HealthTarget, frame: number): Set<number> {
  return new Set([...wal.frameOf].filter(([, newest]) => newest > frame).map(([page]) => page));
}

function firstPageIsSame(target: HealthTarget, evidence: PageEvidence): boolean {
  const page = new PageSource(target).read(1);
  if (page === undefined) return false;
  const found = new Uint8Array(fingerprintBytes);
  writeFingerprints(page, target.pageSize, found);
  return sameFingerprint(found, 0, evidence.fingerprints, 0);
}

export interface Differences {
  /** Pages that are not as they must be. */
  readonly pages: readonly number[];
  /** Pages of the newest known state that are compared. */
  readonly compared: number;
}

/** Compares every page that nothing wrote since with what it must be. */
export function findDifferences(
  source: PageSource,
  evidence: PageEvidence,
  scope: { readonly tail: ReadonlySet<number>; readonly only?: readonly number[] | undefined },
  proceed: () => void,
): Differences {
  const pages: number[] = [];
  const { tail, only } = scope;
  let compared = 0;
  const last = Math.min(source.pageCount, evidence.pageCount);
  const found = new Uint8Array(fingerprintBytes);
  const visit = (page: Uint8Array | undefined, number: number): void => {
    if (tail.has(number)) return;
    compared += 1;
    if (page !== undefined) writeFingerprints(page, source.pageSize, found);
    if (page === undefined || !sameFingerprint(found, 0, evidence.fingerprints, number - 1)) pages.push(number);
  };
  if (only !== undefined) {
    for (const number of only) if (number <= last) visit(source.read(number), number);
    return {
      pages: [...pages, ...only.filter((page) => page > last && page <= source.pageCount && !tail.has(page))],
      compared,
    };
  }
  source.forEach(1, last, visit, () => {
    proceed();
    return true;
  });
  // Nothing but a write behind the known state can have made these.
  for (let number = last + 1; number <= source.pageCount; number++) if (!tail.has(number)) pages.push(number);
  return { pages, compared };
}
