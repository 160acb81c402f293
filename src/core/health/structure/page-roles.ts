import { lockBytePage } from '../../file-format/database-header.ts';

/** What a page is for, as told by whoever points at it. */
export const role = { none: 0, table: 1, index: 2, overflow: 3, free: 4, reserved: 5 } as const;
export type Role = (typeof role)[keyof typeof role];

/** What a page looks like. */
export const look = { unseen: 0, table: 1, index: 2, other: 3, faulty: 4 } as const;

export const roleNames = [
  'nothing',
  'a table page',
  'an index page',
  'an overflow page',
  'a free page',
  'a reserved page',
];

export interface StructureFault {
  readonly kind: 'page' | 'child' | 'twice' | 'overflow' | 'unused' | 'pointer-map' | 'schema';
  readonly page: number;
  /** The page that points at it; 0 when it is a root or nothing does. */
  readonly parent: number;
  readonly otherParent?: number;
  /** What the page should have been. */
  readonly role?: Role;
  readonly message: string;
}

const keptFaults = 200;

/** What is known of each page of one database: 10 bytes per page. */
export class PageRoles {
  readonly pageCount: number;
  readonly role: Uint8Array;
  readonly look: Uint8Array;
  readonly parent: Uint32Array;
  /** First four bytes of pages that look like overflow pages. */
  readonly next: Uint32Array;
  readonly faults: StructureFault[] = [];
  faultCount = 0;

  constructor(pageCount: number, options: { pageSize: number; usableSize: number; autoVacuum: boolean }) {
    this.pageCount = pageCount;
    this.role = new Uint8Array(pageCount + 1);
    this.look = new Uint8Array(pageCount + 1);
    this.parent = new Uint32Array(pageCount + 1);
    this.next = new Uint32Array(pageCount + 1);
    const lockPage = lockBytePage(options.pageSize);
    if (lockPage <= pageCount) this.role[lockPage] = role.reserved;
    if (!options.autoVacuum) return;
    for (const page of pointerMapPages(pageCount, options.usableSize, lockPage)) this.role[page] = role.reserved;
  }

  /** Notes that `parent` (0: the schema) points at `page`. */
  refer(page: number, as: Role, parent: number): void {
    const known = this.role[page];
    if (page < 1 || page > this.pageCount || known === undefined) {
      this.fault({
        kind: 'child',
        page,
        parent,
        message: `page ${parent} points at page ${page}, which does not exist`,
      });
      return;
    }
    if (known !== role.none) {
      const otherParent = this.parent[page] ?? 0;
      const before = known === role.free ? 'it is in the freelist' : `page ${otherParent} points at it`;
      const message = `page ${page} is used twice: page ${parent} points at it, and ${before}`;
      this.fault({ kind: 'twice', page, parent, otherParent, message });
      return;
    }
    this.role[page] = as;
    this.parent[page] = parent;
  }

  fault(fault: StructureFault): void {
    this.faultCount += 1;
    if (this.faults.length < keptFaults) this.faults.push(fault);
  }
}

/** Pages that hold the pointer map of an auto_vacuum database (fileformat2, section 1.8). */
export function pointerMapPages(pageCount: number, usableSize: number, lockPage: number): number[] {
  const perMap = Math.floor(usableSize / 5) + 1;
  const pages: number[] = [];
  for (let page = 2; page <= pageCount; page += perMap) pages.push(page === lockPage ? page + 1 : page);
  return pages.filter((page) => page <= pageCount);
}
