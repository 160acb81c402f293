import { hash } from 'node:crypto';
import { TradedbError } from '../error.ts';

export interface MigrationText {
  /** Without a byte order mark, lines ended by LF. */
  readonly text: string;
  /** Hexadecimal, over `text`: an editor that changes only line ends or the mark changes nothing. */
  readonly sha256: string;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Strict UTF-8. A NUL character is refused: SQLite would ignore the rest of the text without a word.
 * Throws `migration_invalid`.
 */
export function decodeMigration(bytes: Uint8Array, file: string): MigrationText {
  let raw: string;
  try {
    raw = decoder.decode(bytes);
  } catch (error) {
    throw new TradedbError('migration_invalid', `${file} is not valid UTF-8`, {
      hint: 'save the file as UTF-8',
      cause: error,
    });
  }
  return acceptText(raw, file);
}

/** The same for a text that was valid UTF-8. */
export function acceptText(raw: string, file: string): MigrationText {
  const marked = raw.charCodeAt(0) === 0xfeff ? raw.slice(1) : raw;
  const text = marked.includes('\r') ? marked.replaceAll('\r\n', '\n') : marked;
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    const line = text.slice(0, nul).split('\n').length;
    throw new TradedbError('migration_invalid', `${file}:${line} holds a NUL character`, {
      hint: 'SQLite would ignore everything behind it; remove it (or save the file as UTF-8, not UTF-16)',
    });
  }
  return { text, sha256: hash('sha256', text, 'hex') };
}
