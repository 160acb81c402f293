import type { Clock, Random } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { retryWhileBusy } from '../../sqlite/busy-retry.ts';
import { type Connection, openReadOnly, openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import { isBusy, sqliteCode } from '../../sqlite/translate-error.ts';

interface Ports {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The connections of the archiver. Two read-only ones take turns as the pin: at every moment one of them holds a
 * snapshot that is at or before what is archived, so nothing newer can be overwritten. The read-write ones checkpoint
 * and keep writers out for a moment; they are closed first, so that the WAL stays when the archiver ends.
 */
export class Pins {
  readonly #readers: [Connection, Connection];
  readonly #checkpointer: Connection;
  readonly #locker: Connection;
  #current: 0 | 1 | undefined;

  constructor(path: string, ports: Ports, busyTimeoutMs: number) {
    const settings = { ...ports, busyTimeoutMs };
    const opened: Connection[] = [];
    const keep = (connection: Connection): Connection => {
      opened.push(connection);
      return connection;
    };
    try {
      this.#readers = [keep(openReadOnly(path, settings)), keep(openReadOnly(path, settings))];
      const mode = this.#readers[0].pragmaValue('journal_mode');
      if (mode !== 'wal') {
        throw new TradedbError(
          'unsupported',
          `${JSON.stringify(path)} is in journal mode ${mode}; only WAL can be archived`,
          {
            hint: 'PRAGMA journal_mode = WAL, or make backups with: tradedb backup create',
          },
        );
      }
      const writer = { ...settings, busyTimeoutMs: 0 };
      this.#checkpointer = keep(openReadWrite(path, fullProfile, writer));
      this.#locker = keep(openReadWrite(path, fullProfile, writer));
    } catch (error) {
      for (const connection of opened.reverse()) connection.close();
      throw error;
    }
  }

  /** Takes a new snapshot with the reader that is free; the old one is held until `releaseOld`. */
  pinNew(): void {
    const next = this.#current === 0 ? 1 : 0;
    const reader = this.#readers[next];
    reader.waitWhileBusy(() => {
      if (!reader.inTransaction) reader.run('BEGIN');
      reader.value('SELECT count(*) FROM sqlite_schema');
    });
    this.#current = next;
  }

  /** Lets the snapshot before the newest one go. */
  releaseOld(): void {
    const other = this.#readers[this.#current === 0 ? 1 : 0];
    if (other.inTransaction) other.run('COMMIT');
  }

  /** Lets the newest snapshot go again: the one before it stays the pin. */
  dropNew(): void {
    if (this.#current === undefined) return;
    const reader = this.#readers[this.#current];
    const other = this.#current === 0 ? 1 : 0;
    if (!this.#readers[other].inTransaction) return;
    if (reader.inTransaction) reader.run('COMMIT');
    this.#current = other;
  }

  /** Lets every snapshot go: what is written now is not recorded any more. */
  releaseAll(): void {
    for (const reader of this.#readers) {
      if (reader.inTransaction) reader.run('COMMIT');
    }
  }

  /**
   * Copies frames into the database, as far as the pins allow. True when all of them are there. The disk of the
   * database may be full: then the WAL stays as it is, and recording goes on.
   */
  checkpoint(): boolean {
    try {
      const [row] = this.#checkpointer.pragma('wal_checkpoint(PASSIVE)');
      return Number(row?.busy) === 0 && Number(row?.log) === Number(row?.checkpointed);
    } catch (error) {
      if (isBusy(error) || sqliteCode(error) === 'SQLITE_FULL') return false;
      throw error;
    }
  }

  /** Keeps writers out until `letWritersIn`; false when they left no moment free within the time. */
  keepWritersOut(deadlineMs: number): boolean {
    const { ports, path } = this.#locker;
    try {
      retryWhileBusy(() => this.#locker.run('BEGIN IMMEDIATE'), { ...ports, deadlineMs, path });
      return true;
    } catch (error) {
      if (isBusy(error)) return false;
      throw error;
    }
  }

  letWritersIn(): void {
    if (this.#locker.inTransaction) this.#locker.run('ROLLBACK');
  }

  close(): void {
    this.letWritersIn();
    this.#locker.close();
    this.#checkpointer.close();
    this.releaseAll();
    for (const reader of this.#readers) reader.close();
  }
}
