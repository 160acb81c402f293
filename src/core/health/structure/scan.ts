import type { Clock } from '../../context.ts';
import { isBtreeType, isTableType } from '../../file-format/btree-page.ts';
import { type Freelist, walkFreelist } from '../../file-format/freelist.ts';
import { PageSource } from '../page-source.ts';
import { readSchema, type SchemaEntry } from '../schema-pages.ts';
import type { HealthTarget } from '../target.ts';
import { checkChildren, checkLinks, findUnused } from './links.ts';
import { PageRoles, type Role, role, type StructureFault } from './page-roles.ts';
import { type OverflowChains, visitPage } from './page-visit.ts';
import { checkPointerMap } from './pointer-map.ts';

export interface StructureScan {
  readonly pagesScanned: number;
  readonly pagesTotal: number;
  /** Every page was seen in this run, so links between pages were checked too. */
  readonly complete: boolean;
  /** Where the next run goes on. */
  readonly nextPage: number;
  readonly faultCount: number;
  /** The first ones. */
  readonly faults: readonly StructureFault[];
  readonly freelist: Freelist;
  readonly schema: readonly SchemaEntry[];
  readonly durationMs: number;
}

export interface ScanLimits {
  readonly clock: Clock;
  /** 0: no limit. */
  readonly budgetMs: number;
  readonly firstPage: number;
  /** Free pages, where the header cannot tell them. */
  readonly freelist?: Freelist | undefined;
  throwIfCancelled(): void;
}

/** Looks at the pages of the database without SQLite, from `firstPage` around, until all were seen or the budget is used up. */
export function scanStructure(target: HealthTarget, limits: ScanLimits): StructureScan {
  const started = limits.clock.now();
  const source = new PageSource(target);
  const { usableSize, pageSize, pageCount, header } = target;
  const autoVacuum = (header?.largestRootPage ?? 0) > 0;
  const roles = new PageRoles(pageCount, { pageSize, usableSize, autoVacuum });
  const freelist =
    limits.freelist ??
    walkFreelist(header?.firstFreelistTrunk ?? 0, header?.freelistPages ?? 0, (page) => source.read(page), {
      usableSize,
      pageCount,
    });
  for (const page of [...freelist.trunks, ...freelist.leaves]) roles.role[page] = role.free;
  const schema = noteRoots(roles, source, usableSize);
  const chains: OverflowChains = [];
  const visit = (page: Uint8Array | undefined, number: number): void =>
    visitPage(page, number, roles, { usableSize, chains });
  const proceed = (): boolean => {
    limits.throwIfCancelled();
    return limits.budgetMs === 0 || limits.clock.now() - started < limits.budgetMs;
  };
  const first = limits.firstPage > pageCount ? 1 : Math.max(1, limits.firstPage);
  const last = source.forEach(first, pageCount, visit, proceed);
  const wrapped = last === pageCount && first > 1 && proceed() ? source.forEach(1, first - 1, visit, proceed) : 0;
  const pagesScanned = last - first + 1 + wrapped;
  const complete = pagesScanned >= pageCount;
  if (complete) finish(roles, chains, { source, pageSize, usableSize, autoVacuum });
  else checkChildren(roles);
  return {
    pagesScanned,
    pagesTotal: pageCount,
    complete,
    nextPage: complete ? 1 : ((wrapped > 0 ? wrapped : last) % Math.max(1, pageCount)) + 1,
    faultCount: roles.faultCount,
    faults: roles.faults,
    freelist,
    schema,
    durationMs: limits.clock.now() - started,
  };
}

function noteRoots(roles: PageRoles, source: PageSource, usableSize: number): SchemaEntry[] {
  if (roles.pageCount === 0) return [];
  const { entries, complete } = readSchema(source, usableSize);
  if (!complete) roles.fault({ kind: 'schema', page: 1, parent: 0, message: 'the schema cannot be read completely' });
  roles.refer(1, role.table, 0);
  for (const entry of entries) {
    // Views, triggers and virtual tables have no pages.
    if (entry.rootPage === 0 || (entry.type !== 'table' && entry.type !== 'index')) continue;
    roles.refer(entry.rootPage, roleOfRoot(entry, source), 0);
  }
  return entries;
}

/** A table WITHOUT ROWID is stored as an index. Where the words appear (perhaps in a comment), the page itself decides. */
function roleOfRoot(entry: SchemaEntry, source: PageSource): Role {
  if (entry.type === 'index') return role.index;
  if (!/without[\s\S]*rowid/i.test(entry.sql)) return role.table;
  const type = source.read(entry.rootPage)?.[0] ?? 0;
  return isBtreeType(type) && !isTableType(type) ? role.index : role.table;
}

function finish(
  roles: PageRoles,
  chains: OverflowChains,
  context: { source: PageSource; pageSize: number; usableSize: number; autoVacuum: boolean },
): void {
  checkLinks(roles, chains);
  if (context.autoVacuum && roles.faultCount === 0) {
    checkPointerMap(roles, (page) => context.source.read(page), context);
  }
  // With other faults around, pages count as unused only because whoever used them cannot be read.
  if (roles.faultCount > 0) return;
  for (const page of findUnused(roles)) {
    roles.fault({ kind: 'unused', page, parent: 0, message: `page ${page} is neither used nor free` });
  }
}
