import type { Connection } from '../../sqlite/connection.ts';
import { holdGoneRows } from './gone.ts';
import type { References } from './references.ts';
import type { ImportSession } from './session.ts';
import type { SliceLimits, SourceKey, SourceRow, SourceStream } from './source.ts';
import { addRow, addRows, noRows, type StreamCounts } from './stream-counts.ts';

export interface SettleRequest {
  /** Where each stream stood when this run began: rows behind it were read by this run already. */
  readonly startKeys: ReadonlyMap<string, SourceKey | undefined>;
  /** Connection of the source; undefined for a file. */
  readonly source: Connection | undefined;
  /** Longest time for the one state; undefined for a source that cannot change. */
  readonly limitMs: number | undefined;
  readonly references: References;
  /** Takes the totals of the source, in the same state. */
  readonly takeTotals: () => void;
}

/**
 * Compares every row that may have changed with what was taken of it, and applies the changes. Rows and totals are read in one
 * read transaction. Returns false when that took longer than allowed: then they were read one after the other.
 */
export async function settle(session: ImportSession, request: SettleRequest): Promise<boolean> {
  const { source, limitMs } = request;
  const { seen } = session.parts.loader;
  seen.clear();
  if (source !== undefined && (await settleAtOnce(session, request, source, limitMs))) return true;
  seen.clear();
  for (const stream of session.parts.streams) await settleStream(session, request, stream);
  if (source === undefined) request.takeTotals();
  else {
    source.read(() => {
      holdGoneRows(session, request.references);
      request.takeTotals();
    });
  }
  return source === undefined;
}

/** All streams and the totals in one read transaction of the source; false when the time was up before the end. */
async function settleAtOnce(
  session: ImportSession,
  request: SettleRequest,
  source: Connection,
  limitMs: number | undefined,
): Promise<boolean> {
  const { streams, context } = session.parts;
  const endMs = limitMs === undefined ? Number.POSITIVE_INFINITY : context.clock.now() + limitMs;
  const isInTime = source.read(() => {
    for (const stream of streams) {
      const ms = endMs - context.clock.now();
      const limits = { rows: Number.MAX_SAFE_INTEGER, ms };
      if (ms <= 0 || !settleSlice(session, request, stream, { after: firstKey(session, stream), limits }).done)
        return false;
    }
    holdGoneRows(session, request.references);
    request.takeTotals();
    return context.clock.now() <= endMs;
  });
  await session.pause();
  return isInTime;
}

/** Streams that only grow are read from where they stand. */
function firstKey(session: ImportSession, stream: SourceStream): SourceKey | undefined {
  return stream.mutable ? undefined : session.parts.state.stream(stream.name).lastKey;
}

async function settleStream(session: ImportSession, request: SettleRequest, stream: SourceStream): Promise<void> {
  const { limits } = session.parts;
  let after = firstKey(session, stream);
  for (;;) {
    await stream.rows.prepare?.(after, limits);
    const slice = settleSlice(session, request, stream, { after, limits });
    after = slice.last ?? after;
    await session.pause();
    if (slice.done || slice.last === undefined) return;
  }
}

interface Part {
  readonly after: SourceKey | undefined;
  readonly limits: SliceLimits;
}

/** Rows of one slice in one transaction of the target, which is empty when nothing has changed. */
function settleSlice(session: ImportSession, request: SettleRequest, stream: SourceStream, part: Part) {
  const { target, state, loader, context } = session.parts;
  const startKey = request.startKeys.get(stream.name);
  const before = state.stream(stream.name);
  const startedMs = context.clock.now();
  const counts = noRows();
  let wrote = false;
  const slice = target.tx(() => {
    const read = stream.rows.read(part.after, part.limits, (row) => {
      const outcome = loader.load(stream, row, stream.map(row));
      wrote ||= loader.wrote;
      countRow(counts, outcome, { isOld: isBefore(stream, row, startKey), isAlone: loader.wrote });
    });
    loader.ledger.flush();
    const isFurther = read.last !== undefined && isBehind(read.last, before.lastKey);
    if (wrote || isFurther) {
      state.keep(stream.name, {
        phase: wrote || before.phase !== 'done' ? 'settle' : 'done',
        lastKey: isFurther ? read.last : before.lastKey,
        rowsRead: before.rowsRead + counts.new + counts.held,
        rowsNew: before.rowsNew + counts.new,
        rowsHeld: before.rowsHeld + counts.held,
      });
    }
    return read;
  });
  addRows(session.counts(stream.name), counts);
  session.spent(stream.name, context.clock.now() - startedMs);
  return slice;
}

/** A row that this run has read before counts once more only when it is new. */
function countRow(
  counts: StreamCounts,
  outcome: Parameters<typeof addRow>[1],
  row: { readonly isOld: boolean; readonly isAlone: boolean },
): void {
  if (row.isOld || outcome === 'new' || (outcome === 'held' && row.isAlone)) addRow(counts, outcome);
}

function isBefore(stream: SourceStream, row: SourceRow, startKey: SourceKey | undefined): boolean {
  if (startKey === undefined || stream.rows.keyOf === undefined) return false;
  return !isBehind(stream.rows.keyOf(row), startKey);
}

/** Only for counting: text compares by code units. */
function isBehind(key: SourceKey, other: SourceKey | undefined): boolean {
  if (other === undefined) return true;
  for (const [at, part] of key.entries()) {
    const against = other[at];
    if (against === undefined || part === against) continue;
    if (typeof part === 'string' || typeof against === 'string') return String(part) > String(against);
    return part > against;
  }
  return false;
}
