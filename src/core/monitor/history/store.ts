import { statSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { Finding } from '../../report.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { type HistoryEvent, readEvents, writeEvent } from './event.ts';
import { openHistory } from './history-file.ts';
import { type Level, levels, type RingLengths } from './level.ts';
import { type HistoryRange, type HistorySlice, readHistory } from './query.ts';
import { fitRings } from './ring.ts';
import type { PendingBucket } from './rollup.ts';

export interface HistorySettings {
  readonly path: string;
  readonly maxBytes: number;
  readonly rings: RingLengths;
}

/** Measured: a row of a full ring takes 40 to 60 bytes with its share of the inner pages. */
const rowBytes = 64;
const hoursUntilIdle = 24;
const bucketsUntilNextTry = 3600;

const upsert = `
INSERT INTO rollup (level, series, slot, bucket, min, max, sum, count)
VALUES (:level, :series, :slot, :bucket, :min, :max, :sum, :count)
ON CONFLICT (level, series, slot) DO UPDATE SET
  min = CASE WHEN excluded.bucket > bucket THEN excluded.min ELSE min(min, excluded.min) END,
  max = CASE WHEN excluded.bucket > bucket THEN excluded.max ELSE max(max, excluded.max) END,
  sum = CASE WHEN excluded.bucket > bucket THEN excluded.sum ELSE sum + excluded.sum END,
  count = CASE WHEN excluded.bucket > bucket THEN excluded.count ELSE count + excluded.count END,
  bucket = excluded.bucket
WHERE excluded.bucket >= bucket`;

/**
 * The history of the service: a database of its own whose rings overwrite themselves, so that its size is fixed. It is
 * made anew when it was lost or damaged, with a finding; a disk that is full costs the history, never the watching.
 */
export class HistoryStore {
  readonly #settings: HistorySettings;
  readonly #context: OperationContext;
  #connection: Connection | undefined;
  #inode = 0;
  readonly #series = new Map<string, number>();
  /** Series that found no room, and how many writes ago that was looked at. */
  readonly #refused = new Map<string, number>();
  readonly #findings = new Map<string, Finding>();

  constructor(settings: HistorySettings, context: OperationContext) {
    this.#settings = settings;
    this.#context = context;
  }

  get findings(): readonly Finding[] {
    return [...this.#findings.values()];
  }

  /** Bytes on disk, with the WAL; 0 when there is none. */
  get sizeBytes(): number {
    const { path } = this.#settings;
    return ['', '-wal'].reduce(
      (sum, side) => sum + (statSync(`${path}${side}`, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  /** Adds buckets of one database in one transaction. */
  write(database: string, buckets: readonly PendingBucket[]): void {
    if (buckets.length === 0) return;
    this.#attempt((connection) => {
      connection.tx((transaction) => {
        for (const { level, series, ...bucket } of buckets) {
          const id = this.#seriesId(transaction, database, series);
          if (id === undefined) continue;
          const slot = bucket.bucket % this.#settings.rings[level];
          transaction.run(upsert, { level: levels.indexOf(level), series: id, slot, ...bucket });
        }
      });
    });
  }

  addEvent(event: Omit<HistoryEvent, 'number'>): void {
    this.#attempt((connection) => connection.tx((transaction) => writeEvent(transaction, event)));
  }

  read(range: HistoryRange): HistorySlice | undefined {
    return this.#attempt((connection) => readHistory(connection, range, this.#settings.rings));
  }

  events(limit: number, kinds?: readonly string[]): HistoryEvent[] {
    return this.#attempt((connection) => readEvents(connection, limit, kinds)) ?? [];
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** Whatever happens to the history, the caller goes on without it. */
  #attempt<T>(work: (connection: Connection) => T): T | undefined {
    try {
      const result = work(this.#open());
      this.#findings.delete('history.write');
      return result;
    } catch (error) {
      // What a disk or a damaged file does comes with a code; anything else is a fault of this program.
      if (!(error instanceof Error && 'code' in error)) throw error;
      this.#series.clear();
      if (error.code === 'database_corrupt' || error.code === 'not_a_database') this.close();
      const hint = error instanceof TradedbError ? error.hint : undefined;
      this.#note('history.write', `the history cannot be written or read: ${error.message}`, hint);
      return undefined;
    }
  }

  #open(): Connection {
    const { path, maxBytes, rings } = this.#settings;
    if (this.#connection !== undefined) {
      // A deleted file would swallow everything without a word.
      if (statSync(path, { throwIfNoEntry: false })?.ino === this.#inode) return this.#connection;
      this.close();
      this.#note('history.rebuilt', 'the history file was deleted or replaced; a new one was begun');
    }
    const { connection, inode, lost } = openHistory(path, maxBytes, this.#context);
    if (lost !== undefined) {
      this.#note(
        'history.rebuilt',
        `the history could not be used (${lost}); it lies beside as .unusable, a new one was begun`,
      );
    }
    this.#series.clear();
    this.#connection = connection;
    this.#inode = inode;
    connection.tx((transaction) => fitRings(transaction, rings));
    return connection;
  }

  #note(id: string, message: string, hint?: string): void {
    if (!this.#findings.has(id))
      this.#context.log.warn(id === 'history.write' ? 'history_failed' : 'history_rebuilt', { reason: message });
    this.#findings.set(id, { id, severity: 'warning', message, ...(hint === undefined ? {} : { hint }) });
  }

  /** Undefined when the rings of one more series would not fit into the file. */
  #seriesId(connection: Connection, database: string, name: string): number | undefined {
    const key = `${database}\n${name}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const patience = this.#refused.get(key) ?? 0;
    if (patience > 0) {
      this.#refused.set(key, patience - 1);
      return undefined;
    }
    const found = connection.value('SELECT id FROM series WHERE database = ? AND name = ?', [database, name]);
    if (found === undefined && !this.#hasRoom(connection)) {
      this.#refused.set(key, bucketsUntilNextTry);
      return undefined;
    }
    const id =
      found ?? connection.run('INSERT INTO series (database, name) VALUES (?, ?)', [database, name]).lastInsertRowid;
    this.#series.set(key, Number(id));
    return Number(id);
  }

  #hasRoom(connection: Connection): boolean {
    const { maxBytes, rings } = this.#settings;
    const perSeries = rings.second + rings.minute + rings.hour;
    const most = Math.floor(maxBytes / (perSeries * rowBytes));
    const count = Number(connection.value('SELECT count(*) FROM series'));
    if (count < most || this.#dropIdleObject(connection)) return true;
    this.#note('history.full', `monitor.history.maxBytes holds ${most} series; further ones are not kept`);
    return false;
  }

  /** Tables come and go: the one that was written to least recently gives its rings to a new one. */
  #dropIdleObject(connection: Connection): boolean {
    const hours = levels.indexOf('hour');
    const found = connection.get<{ id: number; last: number | null }>(
      `SELECT s.id, max(r.bucket) AS last FROM series s LEFT JOIN rollup r ON r.level = ? AND r.series = s.id
       WHERE instr(s.name, ' ') > 0 GROUP BY s.id ORDER BY last LIMIT 1`,
      [hours],
    );
    const newest = Number(connection.value('SELECT max(bucket) FROM rollup WHERE level = ?', [hours]) ?? 0);
    if (found === undefined || newest - (found.last ?? 0) < hoursUntilIdle) return false;
    connection.run('DELETE FROM rollup WHERE series = ?', [found.id]);
    connection.run('DELETE FROM series WHERE id = ?', [found.id]);
    this.#series.clear();
    return true;
  }
}

/** Length of the rings for times to keep, in milliseconds. */
export function ringLengths(kept: Readonly<Record<Level, number>>): RingLengths {
  const length = (level: Level, unit: number): number => Math.max(1, Math.ceil(kept[level] / unit));
  return { second: length('second', 1000), minute: length('minute', 60_000), hour: length('hour', 3_600_000) };
}
