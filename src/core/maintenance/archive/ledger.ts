import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { syncFolder } from '../../sync-folder.ts';

/** Steps of a chunk. `dropped`: never written whole, nothing was deleted. `restored`: rows were put back into the table. */
export type LedgerState = 'planned' | 'written' | 'verified' | 'deleting' | 'done' | 'dropped' | 'restored';

export interface LedgerEntry {
  readonly seq: number;
  readonly archiveId: string;
  readonly state: LedgerState;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** SHA-256 over the hash of the line before and this line without its hash. */
  readonly hash: string;
}

const tail = /,"hash":"([0-9a-f]{64})"\}$/;
const start = '0'.repeat(64);

/**
 * The ledger of a table: what happened to each chunk, a line each, appended and synced before the next step. A line
 * without its end (a crash while it was written) never counted and is cut off by the next append; any other line that
 * does not follow from the one before is damage, and then nothing goes on.
 */
export class Ledger {
  readonly path: string;
  readonly entries: LedgerEntry[] = [];
  #validBytes = 0;
  /** Bytes of an unfinished last line. */
  tornBytes = 0;

  constructor(path: string) {
    this.path = path;
    if (existsSync(path)) this.#read();
  }

  append(entry: Omit<LedgerEntry, 'seq' | 'hash'>): LedgerEntry {
    const body = JSON.stringify({ seq: this.entries.length + 1, ...entry });
    const hash = chain(this.entries.at(-1)?.hash ?? start, body);
    const line = `${body.slice(0, -1)},"hash":"${hash}"}\n`;
    const isNew = !existsSync(this.path);
    try {
      const file = openSync(this.path, 'a', 0o600);
      try {
        if (this.tornBytes > 0) ftruncateSync(file, this.#validBytes);
        writeAll(file, Buffer.from(line));
        fsyncSync(file);
      } catch (error) {
        // Half a line must not stand before the next one.
        ftruncateSync(file, this.#validBytes);
        throw error;
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw fromFileSystem(error, this.path);
    }
    if (isNew) syncFolder(dirname(this.path));
    this.tornBytes = 0;
    this.#validBytes += Buffer.byteLength(line);
    const added = { seq: this.entries.length + 1, ...entry, hash };
    this.entries.push(added);
    return added;
  }

  #read(): void {
    const bytes = readFileSync(this.path);
    const end = bytes.lastIndexOf(0x0a) + 1;
    this.tornBytes = bytes.length - end;
    this.#validBytes = end;
    const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
    let previous = start;
    for (const [index, line] of lines.entries()) {
      const hash = tail.exec(line)?.[1];
      const body = line.replace(tail, '}');
      if (hash === undefined || chain(previous, body) !== hash) throw damaged(this.path, index + 1);
      const entry = JSON.parse(line) as LedgerEntry;
      if (entry.seq !== index + 1) throw damaged(this.path, index + 1);
      this.entries.push(entry);
      previous = hash;
    }
  }
}

function chain(previous: string, body: string): string {
  return createHash('sha256').update(`${previous}\n${body}`).digest('hex');
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

function damaged(path: string, line: number): TradedbError {
  return new TradedbError(
    'repository_invalid',
    `line ${line} of ${JSON.stringify(path)} does not follow from the one before`,
    {
      hint: 'the ledger was changed or damaged: nothing is archived or deleted with it; bring it back from a backup',
      details: { line },
    },
  );
}
