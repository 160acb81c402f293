import { type ErrorCode, fromFileSystem, TradedbError } from '../error.ts';

const hints: Readonly<Partial<Record<ErrorCode, string>>> = {
  disk_full: 'free some space there, or use another folder',
  permission_denied: 'check the permissions, or use another folder',
  read_only: 'use a folder that can be written',
  file_not_found: 'check the path',
  io_error: 'check the disk and its cable: dmesg tells more',
};

/** Translates an error about a file of ours, with what to try. */
export function fromStorage(error: unknown, path: string): unknown {
  const translated = fromFileSystem(error, path);
  if (!(translated instanceof TradedbError) || translated.hint !== undefined) return translated;
  const hint = hints[translated.code];
  if (hint === undefined) return translated;
  const { code, message, details, cause } = translated;
  return new TradedbError(code, message, { hint, ...(details === undefined ? {} : { details }), cause });
}

/** The way to the objects is closed, which says nothing about the objects. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof TradedbError && /^(storage_refused|storage_unavailable|key_required)$/.test(error.code);
}
