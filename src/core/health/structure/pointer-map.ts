import { uint32 } from '../../file-format/btree-page.ts';
import { lockBytePage } from '../../file-format/database-header.ts';
import { type PageRoles, pointerMapPages, role } from './page-roles.ts';

/** Entry types of the pointer map (fileformat2, section 1.8). */
const entry = { root: 1, free: 2, overflowFirst: 3, overflowNext: 4, tree: 5 } as const;

/** Compares the pointer map of an auto_vacuum database with who really points at each page. */
export function checkPointerMap(
  roles: PageRoles,
  read: (pageNumber: number) => Uint8Array | undefined,
  sizes: { readonly pageSize: number; readonly usableSize: number },
): void {
  const lockPage = lockBytePage(sizes.pageSize);
  const perMap = Math.floor(sizes.usableSize / 5);
  for (const mapPage of pointerMapPages(roles.pageCount, sizes.usableSize, lockPage)) {
    const map = read(mapPage);
    if (map === undefined) continue;
    for (let index = 0; index < perMap; index++) {
      const page = mapPage + 1 + index;
      if (page > roles.pageCount) return;
      const wanted = expectedEntry(roles, page);
      if (wanted === undefined) continue;
      const type = map[index * 5];
      const parent = uint32(map, index * 5 + 1);
      if (type === wanted.type && (wanted.parent === undefined || parent === wanted.parent)) continue;
      const message = `pointer map on page ${mapPage} says ${type}/${parent} of page ${page}, not ${wanted.type}/${wanted.parent ?? 0}`;
      roles.fault({ kind: 'pointer-map', page, parent: mapPage, message });
    }
  }
}

/** What the pointer map says of one page; undefined where it has no entry or cannot be read. */
export function pointerMapEntry(
  read: (pageNumber: number) => Uint8Array | undefined,
  page: number,
  sizes: { readonly pageSize: number; readonly usableSize: number },
): { readonly type: number; readonly parent: number } | undefined {
  const perMap = Math.floor(sizes.usableSize / 5);
  const lockPage = lockBytePage(sizes.pageSize);
  const first = 2 + Math.floor((page - 2) / (perMap + 1)) * (perMap + 1);
  const mapPage = first === lockPage ? first + 1 : first;
  const map = page <= mapPage ? undefined : read(mapPage);
  const at = (page - mapPage - 1) * 5;
  if (map === undefined || at + 5 > sizes.usableSize) return undefined;
  return { type: map[at] ?? 0, parent: uint32(map, at + 1) };
}

function expectedEntry(roles: PageRoles, page: number): { type: number; parent: number | undefined } | undefined {
  const parent = roles.parent[page] ?? 0;
  switch (roles.role[page]) {
    case role.table:
    case role.index:
      return parent === 0 ? { type: entry.root, parent: undefined } : { type: entry.tree, parent };
    case role.overflow:
      return { type: roles.role[parent] === role.overflow ? entry.overflowNext : entry.overflowFirst, parent };
    case role.free:
      return { type: entry.free, parent: undefined };
    default:
      return undefined;
  }
}
