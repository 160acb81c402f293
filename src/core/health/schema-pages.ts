import { childrenOf, type PageHeader, readCell, readPageHeader, uint16, uint32 } from '../file-format/btree-page.ts';
import { type RecordValue, readRecord, type TextEncoding, textEncoding } from '../file-format/record.ts';
import { PageSource } from './page-source.ts';
import type { HealthTarget } from './target.ts';

/** Reads rows of small tables straight from their pages: the schema, statistics, the migration history. */

export interface SchemaEntry {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly rootPage: number;
  readonly sql: string;
}

export interface TableRows {
  readonly rows: readonly (readonly RecordValue[])[];
  /** False when a page or a record could not be understood; the others are there all the same. */
  readonly complete: boolean;
}

/** A tree deeper than this is no tree: even 512-byte pages need fewer levels for the largest file. */
const deepest = 40;

/** All rows below `root`, in key order; stops after `limit` rows. Never loops. */
export function readTable(source: PageSource, root: number, usableSize: number, limit = 100_000): TableRows {
  const encoding = encodingOf(source);
  const rows: (readonly RecordValue[])[] = [];
  const seen = new Set<number>();
  let complete = true;
  const visit = (pageNumber: number, depth: number): void => {
    const page = seen.has(pageNumber) || depth > deepest ? undefined : source.read(pageNumber);
    seen.add(pageNumber);
    const header = page === undefined ? undefined : readPageHeader(page, pageNumber);
    if (page === undefined || header === undefined) {
      complete = false;
      return;
    }
    if (header.rightChild === 0) readLeaf(page, header);
    else for (const child of childrenOf(page, header)) if (rows.length < limit) visit(child, depth + 1);
  };
  const readLeaf = (page: Uint8Array, header: PageHeader): void => {
    for (let index = 0; index < header.cellCount && rows.length < limit; index++) {
      const cell = readPayload(source, page, header, index, { usableSize });
      const values = cell === undefined ? undefined : readRecord(cell.payload, encoding);
      if (values === undefined) complete = false;
      else rows.push(values);
    }
  };
  visit(root, 0);
  return { rows, complete };
}

/**
 * Whole payload of a cell, from its overflow pages too; undefined when the chain is broken, too short, too long, or goes
 * through a page of `suspects`. With `chain`, its pages are these, whatever the pointers say.
 */
export function readPayload(
  source: PageSource,
  page: Uint8Array,
  header: PageHeader,
  index: number,
  options: {
    readonly usableSize: number;
    readonly suspects?: ReadonlySet<number>;
    readonly chain?: readonly number[] | undefined;
  },
): { readonly payload: Uint8Array; readonly rowid: bigint | undefined } | undefined {
  const { usableSize, suspects, chain } = options;
  const cell = readCell(page, header.type, uint16(page, header.pointersAt + 2 * index), usableSize);
  // A payload that the whole file could not hold is damage, not a reason to ask for gigabytes.
  if (cell === undefined || cell.payloadSize > source.pageCount * source.pageSize) return undefined;
  const { rowid } = cell;
  if (cell.overflow === 0) return { payload: cell.local, rowid };
  const payload = new Uint8Array(cell.payloadSize);
  payload.set(cell.local);
  let at = cell.local.length;
  let next = chain?.[0] ?? cell.overflow;
  for (let count = 1; at < payload.length; count++) {
    const isSuspect = chain === undefined && suspects?.has(next) === true;
    const overflow = next < 2 || isSuspect ? undefined : source.read(next);
    if (overflow === undefined) return undefined;
    const part = overflow.subarray(4, Math.min(usableSize, 4 + payload.length - at));
    payload.set(part, at);
    at += part.length;
    next = chain === undefined ? uint32(overflow, 0) : (chain[count] ?? 0);
  }
  return next === 0 ? { payload, rowid } : undefined;
}

/** Entries of sqlite_schema; `complete` is false when some cannot be read. */
export function readSchema(source: PageSource, usableSize: number): { entries: SchemaEntry[]; complete: boolean } {
  const { rows, complete } = readTable(source, 1, usableSize);
  const text = (value: RecordValue | undefined): string => (typeof value === 'string' ? value : '');
  const entries = rows.map(([type, name, table, rootPage, sql]) => ({
    type: text(type),
    name: text(name),
    table: text(table),
    rootPage: typeof rootPage === 'bigint' ? Number(rootPage) : 0,
    sql: text(sql),
  }));
  return { entries, complete };
}

function encodingOf(source: PageSource): TextEncoding {
  const page = source.read(1);
  return (page === undefined ? undefined : textEncoding(uint32(page, 56))) ?? 'utf-8';
}

/** Names of the tables in lower case; none when the schema cannot be read. */
export function tableNames(target: HealthTarget): ReadonlySet<string> {
  if (target.header === undefined) return new Set();
  const { entries } = readSchema(new PageSource(target), target.usableSize);
  return new Set(entries.filter(({ type }) => type === 'table').map(({ name }) => name.toLowerCase()));
}
