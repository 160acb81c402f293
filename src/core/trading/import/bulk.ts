import type { ProgressTask } from '../../context.ts';
import type { ImportSession } from './session.ts';
import type { SourceStream } from './source.ts';
import { addRow, addRows, noRows, rowsRead } from './stream-counts.ts';

/**
 * Reads what no run has read yet, in key order. Rows, references, quarantine and the place where it stands are one
 * transaction, so that a killed run loses at most its open batch.
 */
export async function bulkStream(session: ImportSession, stream: SourceStream, task: ProgressTask): Promise<void> {
  const { target, state, loader, limits, onBatch, context } = session.parts;
  for (;;) {
    const before = state.stream(stream.name);
    await stream.rows.prepare?.(before.lastKey, limits);
    const startedMs = context.clock.now();
    const counts = noRows();
    const slice = target.tx(() => {
      let wrote = false;
      const read = stream.rows.read(before.lastKey, limits, (row) => {
        addRow(counts, loader.load(stream, row, stream.map(row)));
        wrote ||= loader.wrote;
      });
      loader.ledger.flush();
      if (read.last !== undefined) {
        state.keep(stream.name, {
          phase: wrote || before.phase !== 'done' ? 'bulk' : 'done',
          lastKey: read.last,
          rowsRead: before.rowsRead + rowsRead(counts),
          rowsNew: before.rowsNew + counts.new,
          rowsHeld: before.rowsHeld + counts.held,
        });
      }
      return read;
    });
    addRows(session.counts(stream.name), counts);
    session.spent(stream.name, context.clock.now() - startedMs);
    task.advance(slice.rows);
    if (slice.rows > 0) onBatch(stream.name, counts);
    await session.pause();
    if (slice.done || slice.last === undefined) return;
  }
}
