import { childrenOf, isInteriorType, readCell, readPageHeader, uint16, uint32 } from '../../file-format/btree-page.ts';
import { readRecord, type TextEncoding } from '../../file-format/record.ts';
import type { PageReader } from './page-reader.ts';

export interface SchemaObject {
  readonly name: string;
  readonly kind: 'table' | 'index';
  /** The table an index belongs to; the name itself for a table. */
  readonly table: string;
  readonly root: number;
}

export interface SchemaFacts {
  readonly cookie: number;
  readonly objects: readonly SchemaObject[];
}

/** More pages than this has no schema; a torn read must not send us around for ever. */
const mostPages = 100_000;

/** Tables and indexes that have pages, read from the schema's own b-tree (root page 1). */
export function readSchemaObjects(reader: PageReader, encoding: TextEncoding, usableSize: number): SchemaFacts {
  const first = reader.page(1);
  const objects: SchemaObject[] = [{ name: 'sqlite_schema', kind: 'table', table: 'sqlite_schema', root: 1 }];
  const waiting = [1];
  const seen = new Set<number>();
  while (waiting.length > 0 && seen.size < mostPages) {
    const number = waiting.pop() as number;
    const page = number === 1 ? first : reader.page(number);
    const header = page === undefined ? undefined : readPageHeader(page, number);
    if (page === undefined || header === undefined || seen.has(number)) continue;
    seen.add(number);
    if (isInteriorType(header.type)) {
      waiting.push(...childrenOf(page, header));
      continue;
    }
    for (let cell = 0; cell < header.cellCount; cell++) {
      const offset = uint16(page, header.pointersAt + 2 * cell);
      const object = readObject(reader, page, { type: header.type, offset, usableSize, encoding });
      if (object !== undefined) objects.push(object);
    }
  }
  return { cookie: first === undefined ? 0 : uint32(first, 40), objects };
}

interface CellPlace {
  readonly type: number;
  readonly offset: number;
  readonly usableSize: number;
  readonly encoding: TextEncoding;
}

function readObject(reader: PageReader, page: Uint8Array, place: CellPlace): SchemaObject | undefined {
  const cell = readCell(page, place.type, place.offset, place.usableSize);
  if (cell === undefined) return undefined;
  const payload = wholePayload(reader, cell, place.usableSize);
  const record = payload === undefined ? undefined : readRecord(payload, place.encoding);
  const [kind, name, table, root] = record ?? [];
  if ((kind !== 'table' && kind !== 'index') || typeof name !== 'string' || typeof table !== 'string') return undefined;
  const rootPage = Number(root ?? 0);
  return rootPage > 0 ? { name, kind, table, root: rootPage } : undefined;
}

/** Long definitions continue on overflow pages. */
function wholePayload(
  reader: PageReader,
  cell: { readonly payloadSize: number; readonly local: Uint8Array; readonly overflow: number },
  usableSize: number,
): Uint8Array | undefined {
  if (cell.overflow === 0) return cell.local;
  const payload = new Uint8Array(cell.payloadSize);
  payload.set(cell.local);
  let done = cell.local.length;
  let next = cell.overflow;
  while (done < payload.length) {
    const page = next === 0 ? undefined : reader.page(next);
    if (page === undefined) return undefined;
    const part = page.subarray(4, Math.min(usableSize, 4 + payload.length - done));
    payload.set(part, done);
    done += part.length;
    next = uint32(page, 0);
  }
  return payload;
}
