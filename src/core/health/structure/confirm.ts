import type { Clock } from '../../context.ts';
import {
  childrenOf,
  findPageFault,
  isBtreeType,
  isTableType,
  pageHeaderOffset,
  readPageHeader,
} from '../../file-format/btree-page.ts';
import { walkFreelist } from '../../file-format/freelist.ts';
import { PageSource } from '../page-source.ts';
import { gatherTarget, type HealthTarget, isUnchanged, rollbackWriterActive } from '../target.ts';
import { role, type StructureFault } from './page-roles.ts';
import { type ScanLimits, type StructureScan, scanStructure } from './scan.ts';

/**
 * A scan takes no lock, so a writer that works meanwhile can make sound pages look wrong. What a scan found is believed
 * only when nothing was committed during it, or when the same fault is seen again and again in fresh looks.
 */
export interface ConfirmedScan {
  readonly scan: StructureScan;
  readonly faults: readonly StructureFault[];
  readonly freelistFault: { readonly page: number; readonly message: string } | undefined;
  /** Findings of the scan that could not be told from the work of a writer. */
  readonly undecided: number;
}

/** A scan this quick is simply made again until no commit falls into it. */
const quickScanMs = 250;
const rescans = 12;
const looks = 3;
const lookIntervalMs = 20;

export async function scanConfirmed(target: HealthTarget, limits: ScanLimits): Promise<ConfirmedScan> {
  let scan = scanStructure(target, limits);
  if (!suspicious(scan)) return decided(scan);
  if (undisturbed(target)) return decided(scan);
  let last = scan;
  for (let tries = 0; tries < rescans && last.durationMs < quickScanMs; tries++) {
    await limits.clock.sleep(2 + tries * 5);
    const fresh = gatherTarget(target.path);
    try {
      last = scanStructure(fresh, limits);
      if (!suspicious(last)) return decided(last);
      if (undisturbed(fresh)) return decided(last);
    } finally {
      fresh.files.close();
    }
  }
  scan = last;
  return confirmOneByOne(target.path, scan, limits.clock);
}

/** Nothing was committed, checkpointed or half written since the facts were gathered. */
function undisturbed(target: HealthTarget): boolean {
  return isUnchanged(target) && !rollbackWriterActive(target);
}

function suspicious(scan: StructureScan): boolean {
  return scan.faultCount > 0 || scan.freelist.fault !== undefined;
}

function decided(scan: StructureScan): ConfirmedScan {
  return { scan, faults: scan.faults, freelistFault: scan.freelist.fault, undecided: 0 };
}

async function confirmOneByOne(path: string, scan: StructureScan, clock: Clock): Promise<ConfirmedScan> {
  let faults = scan.faults.filter((fault) => ['page', 'child', 'twice'].includes(fault.kind));
  let freelistFault = scan.freelist.fault;
  for (let count = 0; count < looks && (faults.length > 0 || freelistFault !== undefined); count++) {
    await clock.sleep(lookIntervalMs);
    const fresh = gatherTarget(path);
    try {
      const again = lookAgain(fresh, faults);
      faults = again.faults;
      if (freelistFault !== undefined) freelistFault = again.freelistFault;
    } finally {
      fresh.files.close();
    }
  }
  const confirmed = faults.length + (freelistFault === undefined ? 0 : 1);
  return { scan, faults, freelistFault, undecided: Math.max(0, scan.faultCount - confirmed) };
}

/** The faults that are still there in one fresh look; a half-written transaction would not stay over several looks. */
function lookAgain(
  fresh: HealthTarget,
  faults: readonly StructureFault[],
): { faults: StructureFault[]; freelistFault: ConfirmedScan['freelistFault'] } {
  if (rollbackWriterActive(fresh)) return { faults: [], freelistFault: undefined };
  const source = new PageSource(fresh);
  const limits = { usableSize: fresh.usableSize, pageCount: fresh.pageCount };
  const { header } = fresh;
  const freelist = walkFreelist(
    header?.firstFreelistTrunk ?? 0,
    header?.freelistPages ?? 0,
    (page) => source.read(page),
    limits,
  );
  const free = new Set([...freelist.trunks, ...freelist.leaves]);
  const still = faults.filter((fault) => !free.has(fault.page) && isStillFaulty(source, fault, limits));
  return { faults: still, freelistFault: freelist.fault };
}

function isStillFaulty(
  source: PageSource,
  fault: StructureFault,
  limits: { readonly usableSize: number; readonly pageCount: number },
): boolean {
  if (fault.page < 1 || fault.page > limits.pageCount) return pointsAt(source, fault.parent, fault.page);
  if (fault.parent !== 0 && !pointsAt(source, fault.parent, fault.page)) return false;
  if (fault.kind === 'twice') return fault.otherParent === 0 || pointsAt(source, fault.otherParent ?? 0, fault.page);
  const page = source.read(fault.page);
  if (page === undefined) return true;
  const type = page[pageHeaderOffset(fault.page)] ?? 0;
  if (fault.kind === 'page') return !isBtreeType(type) || findPageFault(page, fault.page, limits) !== undefined;
  return fault.role === role.table ? !isTableType(type) || !isBtreeType(type) : !isBtreeType(type) || isTableType(type);
}

function pointsAt(source: PageSource, parent: number, page: number): boolean {
  const bytes = parent < 1 ? undefined : source.read(parent);
  const header = bytes === undefined ? undefined : readPageHeader(bytes, parent);
  return bytes !== undefined && header !== undefined && childrenOf(bytes, header).includes(page);
}
