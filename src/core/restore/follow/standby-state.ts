import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { TradedbError } from '../../error.ts';
import { flushFolder } from '../../storage/local-folder.ts';
import { fromStorage } from '../../storage/storage-error.ts';

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

export async function writeState(standby: string, state: StandbyState): Promise<void> {
  const path = statePath(standby);
  const unfinished = `${path}.partial`;
  try {
    const file = await open(unfinished, 'w');
    try {
      await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await flushFolder(dirname(path));
  } catch (error) {
    throw fromStorage(error, path);
  }
}

/** Undefined when the file is no standby. */
export async function readState(standby: string): Promise<StandbyState | undefined> {
  const path = statePath(standby);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const translated = fromStorage(error, path);
    if (translated instanceof TradedbError && translated.code === 'file_not_found') return undefined;
    throw translated;
  }
  const parsed = v.safeParse(stateSchema, parseJson(text));
  if (parsed.success) return parsed.output;
  throw new TradedbError('restore_pending', `${JSON.stringify(path)} cannot be understood`, {
    hint: 'remove the standby and this file, and let restore follow make it anew',
  });
}

export async function removeState(standby: string): Promise<void> {
  await rm(statePath(standby), { force: true });
  await flushFolder(dirname(standby));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
