import { pageType, readPageHeader } from '../../file-format/btree-page.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { readSchema, type SchemaEntry } from '../schema-pages.ts';
import { rowsOfPage } from './page-rows.ts';
import type { SalvageSource } from './salvage-source.ts';

export interface SalvageSchema {
  readonly entries: readonly SchemaEntry[];
  /** Where it comes from, for the report. */
  readonly origin: 'database' | 'pages' | 'file' | 'none';
}

/**
 * The schema: as it stands in the database; else from pages that look like parts of sqlite_schema; else from a file with
 * CREATE statements, whose tables then have no known root.
 */
export function findSchema(source: SalvageSource, fromFile: readonly SchemaEntry[] | undefined): SalvageSchema {
  const { entries, complete } = readSchema(source.pages, source.usableSize);
  const usable = entries.filter(isEntry);
  if (complete && usable.length > 0) return { entries: usable, origin: 'database' };
  const found = [...usable, ...entriesInPages(source)];
  const known = new Map(found.map((entry) => [`${entry.type} ${entry.name}`, entry]));
  if (fromFile === undefined) return { entries: [...known.values()], origin: known.size > 0 ? 'pages' : 'none' };
  // What the operator gives is complete; what was found adds the roots.
  const merged = fromFile.map((entry) => known.get(`${entry.type} ${entry.name}`) ?? entry);
  return { entries: merged, origin: 'file' };
}

function isEntry({ type, name, sql }: SchemaEntry): boolean {
  return ['table', 'index', 'view', 'trigger'].includes(type) && name !== '' && (sql === '' || /^create\s/i.test(sql));
}

/** Leaves with five columns whose first is a kind of object and whose last is its CREATE statement. */
function entriesInPages(source: SalvageSource): SchemaEntry[] {
  const entries: SchemaEntry[] = [];
  for (let number = 2; number <= source.pageCount; number++) {
    const page = source.pages.read(number);
    if (page === undefined || readPageHeader(page, number)?.type !== pageType.tableLeaf) continue;
    for (const { values } of rowsOfPage(source, number).rows) {
      const [type, name, table, root, sql] = values;
      if (values.length !== 5 || typeof type !== 'string' || typeof name !== 'string' || typeof table !== 'string')
        break;
      if (typeof root !== 'bigint') break;
      const entry = { type, name, table, rootPage: Number(root), sql: typeof sql === 'string' ? sql : '' };
      if (isEntry(entry)) entries.push(entry);
    }
  }
  return entries;
}

/** Entries that a text of CREATE statements makes; `scratch` is an empty database in memory. */
export function entriesOfSql(sql: string, scratch: Connection): SchemaEntry[] {
  scratch.exec(sql);
  return scratch
    .all<{ type: string; name: string; tbl_name: string; sql: string | null }>(
      'SELECT * FROM sqlite_schema ORDER BY rowid',
    )
    .map((row) => ({ type: row.type, name: row.name, table: row.tbl_name, rootPage: 0, sql: row.sql ?? '' }));
}
