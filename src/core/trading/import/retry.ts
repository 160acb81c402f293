import { rowOfJson } from './row-record.ts';
import type { ImportSession } from './session.ts';
import type { SourceStream } from './source.ts';
import { addRow, addRows, noRows } from './stream-counts.ts';

const batchRows = 1000;

/**
 * Tries rows that are held once more, as they were kept. A stream whose rows change is read anew by every run and needs no
 * such thing; one that only grows is never read again.
 */
export async function retryHeld(session: ImportSession, stream: SourceStream): Promise<void> {
  const { target, state, loader, quarantine } = session.parts;
  const ids = quarantine.ids(stream.name);
  for (let from = 0; from < ids.length; from += batchRows) {
    const counts = noRows();
    target.tx(() => {
      for (const id of ids.slice(from, from + batchRows)) {
        const json = target.value(
          `SELECT row FROM import_quarantine
           WHERE source_id = ? AND stream = ? AND external_id = ? AND resolved_us IS NULL`,
          [state.sourceId, stream.name, id],
        );
        const row = rowOfJson(String(json), stream.columns);
        addRow(counts, loader.load(stream, row, stream.map(row)));
      }
      loader.ledger.flush();
    });
    addRows(session.counts(stream.name), counts);
    await session.pause();
  }
}
