import { isBtreeType, isTableType } from '../../file-format/btree-page.ts';
import type { SchemaEntry } from '../schema-pages.ts';
import type { KeyRange } from './leaf-order.ts';
import type { SalvageSource } from './salvage-source.ts';
import type { SalvageSchema } from './schema-source.ts';
import { walkTree } from './tree-walk.ts';

/** Damage of one tree. */
export interface TreeDamage {
  readonly entry: SchemaEntry;
  /** Pages of the tree, or of overflow chains that hang on it. */
  readonly pages: readonly number[];
  readonly missing: readonly KeyRange[];
}

/** What can be read of a table. */
export interface ReadableTable {
  readonly name: string;
  readonly rows: number;
  /** Damaged or missing pages of its tree and of its overflow chains. */
  readonly brokenPages: number;
}

export interface DamageByTree {
  readonly readable: readonly ReadableTable[];
  readonly tables: readonly TreeDamage[];
  readonly indexes: readonly TreeDamage[];
  /** Page 1 or the schema below it. */
  readonly schema: boolean;
}

/** Which tables and indexes the damage belongs to. Pages of an unknown owner count as nobody's. */
export function damageByTree(source: SalvageSource, schema: SalvageSchema): DamageByTree {
  const taken = new Set<number>();
  const schemaTree = walkTree(source, 1, true, taken);
  const walked = schema.entries
    .filter(({ type, rootPage }) => (type === 'table' || type === 'index') && rootPage > 0)
    .map((entry) => ({ entry, tree: walkTree(source, entry.rootPage, isTableTree(source, entry), taken) }));
  const ownerOf = new Map<number, (typeof walked)[number]>();
  for (const one of walked) for (const page of one.tree.pages) ownerOf.set(page, one);
  const extra = new Map<(typeof walked)[number], Set<number>>();
  for (const { kind, page, parent } of source.faults) {
    // The chain is broken, or cells reach behind their page: rows of the tree are lost though its pages are there.
    const owner = kind === 'overflow' ? ownerOf.get(parent) : (ownerOf.get(page) ?? ownerOf.get(parent));
    if (owner === undefined || kind === 'unused' || kind === 'pointer-map') continue;
    extra.set(owner, (extra.get(owner) ?? new Set()).add(page));
  }
  const damaged = walked
    .map((one) => ({
      entry: one.entry,
      pages: [...new Set([...one.tree.broken, ...(extra.get(one) ?? [])])],
      missing: one.tree.missing,
    }))
    .filter(({ pages }) => pages.length > 0);
  const brokenOf = new Map(damaged.map(({ entry, pages }) => [entry, pages.length]));
  return {
    readable: walked
      .filter(({ entry }) => entry.type === 'table')
      .map(({ entry, tree }) => ({ name: entry.name, rows: tree.rows, brokenPages: brokenOf.get(entry) ?? 0 })),
    tables: damaged.filter(({ entry }) => entry.type === 'table'),
    indexes: damaged.filter(({ entry }) => entry.type === 'index'),
    schema: schemaTree.broken.length > 0 || schema.origin !== 'database',
  };
}

/** A table WITHOUT ROWID is stored as an index. Where the words stand in a comment alone, the root page tells. */
function isTableTree(source: SalvageSource, { type, rootPage, sql }: SchemaEntry): boolean {
  if (type === 'index') return false;
  const first = source.pages.read(rootPage)?.[0] ?? 0;
  return !(/without[\s\S]*rowid/i.test(sql) && isBtreeType(first) && !isTableType(first));
}
