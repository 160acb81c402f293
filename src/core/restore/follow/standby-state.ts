import * as v from 'valibot';
import { readNote, removeNote, writeNote } from '../durable-note.ts';

/**
 * The note beside a standby: which commit it holds. Before a batch the place behind it is written down too; the change
 * counter in the file then says whether the batch was made or taken back.
 */

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const placeSchema = v.object({
  epoch: v.string(),
  tx: count,
  /** Change counter of the standby at this place. */
  counter: count,
  /** Bytes of the original's first page that the standby has others for. */
  original: v.string(),
  /** When the commit was seen; milliseconds since 1970 UTC. */
  notAfter: v.number(),
});

const stateSchema = v.object({
  format: v.literal(1),
  databaseId: v.string(),
  pageSizeBytes: count,
  current: placeSchema,
  next: v.nullable(placeSchema),
});

export type StandbyPlace = v.InferOutput<typeof placeSchema>;
export type StandbyState = v.InferOutput<typeof stateSchema>;

export function statePath(standby: string): string {
  return `${standby}.follow.json`;
}

export function writeState(standby: string, state: StandbyState): Promise<void> {
  return writeNote(statePath(standby), state);
}

/** Undefined when the file is no standby. */
export function readState(standby: string): Promise<StandbyState | undefined> {
  return readNote(
    statePath(standby),
    stateSchema,
    'remove the standby and this file, and let restore follow make it anew',
  );
}

export function removeState(standby: string): Promise<void> {
  return removeNote(statePath(standby));
}
