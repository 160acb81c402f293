import { look, type PageRoles, role, roleNames } from './page-roles.ts';
import type { OverflowChains } from './page-visit.ts';

/** Checks between pages, once all of them were seen. */
export function checkLinks(roles: PageRoles, chains: OverflowChains): void {
  for (let index = 0; index < chains.length; index += 3) {
    followOverflow(roles, chains[index] as number, chains[index + 1] as number, chains[index + 2] as number);
  }
  checkChildren(roles);
}

function followOverflow(roles: PageRoles, owner: number, first: number, length: number): void {
  let current = first;
  let parent = owner;
  const fail = (message: string): void => roles.fault({ kind: 'overflow', page: current, parent: owner, message });
  for (let count = 0; count < length; count++) {
    if (current < 2 || current > roles.pageCount) {
      fail(`an overflow chain of page ${owner} breaks after ${count} of ${length} pages`);
      return;
    }
    if (roles.role[current] !== role.none) {
      fail(`overflow page ${current} of page ${owner} is also ${roleNames[roles.role[current] ?? 0]}`);
      return;
    }
    roles.refer(current, role.overflow, parent);
    if (roles.look[current] !== look.other) {
      fail(`overflow page ${current} of page ${owner} looks like a b-tree page`);
      return;
    }
    parent = current;
    current = roles.next[current] ?? 0;
  }
  if (current !== 0) fail(`an overflow chain of page ${owner} does not end after ${length} pages`);
}

/** Every page that is pointed at must look like what it is pointed at for. */
export function checkChildren(roles: PageRoles): void {
  for (let page = 1; page <= roles.pageCount; page++) {
    const expected = roles.role[page];
    const seen = roles.look[page];
    if (seen === look.unseen || seen === look.faulty) continue;
    if ((expected === role.table || expected === role.index) && seen !== expected) {
      const parent = roles.parent[page] ?? 0;
      const from = parent === 0 ? 'the root of a tree' : `a child of page ${parent}`;
      const is = seen === look.other ? 'no b-tree page' : roleNames[seen ?? 0];
      const message = `page ${page} is ${from} and should be ${roleNames[expected]}, but is ${is}`;
      roles.fault({ kind: 'child', page, parent, role: expected, message });
    }
  }
}

/** Pages that nothing uses and that are not free either. */
export function findUnused(roles: PageRoles): number[] {
  const unused: number[] = [];
  for (let page = 2; page <= roles.pageCount; page++) if (roles.role[page] === role.none) unused.push(page);
  return unused;
}
