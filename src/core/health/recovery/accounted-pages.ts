import type { SchemaEntry } from '../schema-pages.ts';
import { findRoots } from './lost-freelist.ts';
import { rowsOfPage } from './page-rows.ts';
import type { SalvageSource } from './salvage-source.ts';
import { freePages } from './tree-walk.ts';

/** Kinds of trees of which every page in use is accounted for. */
export interface Accounted {
  readonly tables: boolean;
  readonly indexes: boolean;
}

/**
 * Whether a rebuilt list of free pages is complete: then there are exactly as many roots among the other pages as the
 * schema has tables and indexes. A free page that the list does not name would be one root too many.
 */
export function accountForPages(
  source: SalvageSource,
  entries: readonly SchemaEntry[],
  isWithoutRowid: (table: string) => boolean,
): Accounted {
  if (!source.freelistRebuilt) return { tables: source.freelistSound, indexes: source.freelistSound };
  const roots = findRoots(source.pages, source, freePages(source));
  const names = new Set(entries.map(({ name }) => name));
  const tables = entries.filter(({ type, sql }) => type === 'table' && !/^create\s+virtual\s/i.test(sql));
  const withRowid = tables.filter(({ name }) => !isWithoutRowid(name));
  const indexes = entries.filter(({ type }) => type === 'index');
  const found = roots.tables.filter((page) => !isOfSystem(source, page, names));
  return {
    tables: found.length === withRowid.length,
    indexes: roots.indexes.length === indexes.length + tables.length - withRowid.length,
  };
}

/** Leaves of sqlite_schema, and of statistics, which a schema from a file does not name. */
function isOfSystem(source: SalvageSource, page: number, names: ReadonlySet<string>): boolean {
  const { rows } = rowsOfPage(source, page);
  if (rows.length === 0) return false;
  const isSchema = rows.every(
    ({ values }) =>
      values.length === 5 &&
      ['table', 'index', 'view', 'trigger'].includes(String(values[0])) &&
      typeof values[3] === 'bigint',
  );
  const isStatistics = rows.every(
    ({ values }) => values.length === 3 && names.has(String(values[0])) && /^\d+( |$)/.test(String(values[2])),
  );
  return isSchema || (isStatistics && !names.has('sqlite_stat1'));
}
