import { type DatabaseHeader, databaseHeaderBytes, parseDatabaseHeader } from '../../file-format/database-header.ts';

/**
 * The rest of a header whose magic or page size is destroyed: undefined unless everything else in it makes sense and
 * agrees with the length of the file. Of a header that is gone altogether nothing can be believed, also not that there
 * are no free pages.
 */
export function mendedHeader(
  bytes: Uint8Array,
  guess: { readonly pageSize: number; readonly pageCount: number },
): DatabaseHeader | undefined {
  if (bytes.length < databaseHeaderBytes) return undefined;
  const mended = Uint8Array.from(bytes);
  mended.set(new TextEncoder().encode('SQLite format 3\u0000'));
  new DataView(mended.buffer).setUint16(16, guess.pageSize === 65_536 ? 1 : guess.pageSize);
  const header = parseDatabaseHeader(mended);
  if (header === undefined || !header.pageCountValid || header.pageCount !== guess.pageCount) return undefined;
  const isPlausible =
    header.schemaFormat >= 1 &&
    header.schemaFormat <= 4 &&
    header.textEncoding !== 'unset' &&
    header.reservedBytes <= guess.pageSize - 480 &&
    header.freelistPages < header.pageCount &&
    header.firstFreelistTrunk <= header.pageCount;
  return isPlausible ? header : undefined;
}
