import * as v from 'valibot';
import { readNote, removeNote, writeNote } from './durable-note.ts';
import { intentPath } from './pending.ts';

/**
 * The note beside a database that says: its file is being exchanged. It is written before the first step and removed
 * after the last one, so that whoever comes after a crash can complete the exchange or take it back.
 */

const intentSchema = v.object({
  format: v.literal(1),
  id: v.string(),
  /** The database file, without symbolic links. */
  target: v.string(),
  /** The finished new file that will take its name. */
  partial: v.string(),
  partialInode: v.number(),
  sizeBytes: v.number(),
  pageSizeBytes: v.number(),
  /** State digest of the new file. */
  digest: v.string(),
  /** Where the old database goes; null when there was none. Its `-wal` and `-journal` go beside it. */
  aside: v.string(),
  hadDatabase: v.boolean(),
  discardOld: v.boolean(),
  pointId: v.string(),
  startedAt: v.string(),
});

export type RestoreIntent = v.InferOutput<typeof intentSchema>;

export function writeIntent(intent: RestoreIntent): Promise<void> {
  return writeNote(intentPath(intent.target), intent);
}

/** Undefined when no exchange is pending. */
export function readIntent(database: string): Promise<RestoreIntent | undefined> {
  return readNote(
    intentPath(database),
    intentSchema,
    'it was written by another release of tradedb: finish the restore with that one',
  );
}

export function removeIntent(database: string): Promise<void> {
  return removeNote(intentPath(database));
}
