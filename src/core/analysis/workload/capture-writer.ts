import { closeSync, openSync, writeSync } from 'node:fs';
import { fromFileSystem } from '../../error.ts';
import type { DatabaseHook, StatementEvent } from '../../sqlite/hooks.ts';
import { encodeParameters } from './parameter-value.ts';

const pragmas = [
  'synchronous',
  'journal_mode',
  'foreign_keys',
  'busy_timeout',
  'cache_size',
  'mmap_size',
  'temp_store',
  'locking_mode',
  'wal_autocheckpoint',
] as const;

/**
 * A hook of `openTradingDatabase` that writes each statement to a capture file for `tradedb analyze`. The file is made
 * readable for its owner alone, because it holds the values of statements. One file per process.
 */
export class StatementCapture implements DatabaseHook {
  readonly #path: string;
  #file: number | undefined;
  #starting = false;

  /** `path` is opened by the first statement; an existing file is added to. */
  constructor(path: string) {
    this.#path = path;
  }

  onStatement({ sql, values, durationMs, connection }: StatementEvent): void {
    // Asking for the version is a statement too.
    if (this.#starting) return;
    if (this.#file === undefined) this.#start(connection);
    this.#line(`{"sql":${JSON.stringify(sql)},"params":${encodeParameters(values)},"ms":${durationMs}}`);
  }

  /** Closes the file; a later statement opens it again. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #start(connection: StatementEvent['connection']): void {
    this.#starting = true;
    try {
      this.#file = openSync(this.#path, 'a', 0o600);
      this.#line(header(connection));
    } catch (error) {
      throw fromFileSystem(error, this.#path);
    } finally {
      this.#starting = false;
    }
  }

  #line(text: string): void {
    if (this.#file !== undefined) writeSync(this.#file, `${text}\n`);
  }
}

function header(connection: StatementEvent['connection']): string {
  return JSON.stringify({
    tradedbCapture: 1,
    engine: 'tradedb',
    sqliteVersion: connection.sqliteVersion,
    // The library is built with histograms.
    stat4: true,
    pragmas: Object.fromEntries(pragmas.map((name) => [name, String(connection.pragmaValue(name))])),
  });
}
