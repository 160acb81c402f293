import { readFileSync } from 'node:fs';
import { fromFileSystem, TradedbError } from '../../core/error.ts';

/** The token in a file. Throws `file_not_found` and its like, and `usage` for one that is too short to keep anybody out. */
export function readToken(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  if (text.length >= 16 && !/\s/.test(text)) return text;
  throw new TradedbError('usage', `${JSON.stringify(path)} holds no token of at least 16 characters`, {
    hint: 'make one with: openssl rand -hex 32',
  });
}
