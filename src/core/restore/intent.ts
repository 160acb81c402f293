import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { TradedbError } from '../error.ts';
import { flushFolder } from '../storage/local-folder.ts';
import { fromStorage } from '../storage/storage-error.ts';
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

export async function writeIntent(intent: RestoreIntent): Promise<void> {
  const path = intentPath(intent.target);
  const unfinished = `${path}.partial`;
  try {
    const file = await open(unfinished, 'w');
    try {
      await file.writeFile(`${JSON.stringify(intent, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await flushFolder(dirname(path));
  } catch (error) {
    await rm(unfinished, { force: true });
    throw fromStorage(error, path);
  }
}

/** Undefined when no exchange is pending. */
export async function readIntent(database: string): Promise<RestoreIntent | undefined> {
  const path = intentPath(database);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const translated = fromStorage(error, path);
    if (translated instanceof TradedbError && translated.code === 'file_not_found') return undefined;
    throw translated;
  }
  const parsed = v.safeParse(intentSchema, JSON.parse(text));
  if (parsed.success) return parsed.output;
  throw new TradedbError('restore_pending', `${JSON.stringify(path)} cannot be understood`, {
    hint: 'it was written by another release of tradedb: finish the restore with that one',
  });
}

export async function removeIntent(database: string): Promise<void> {
  await rm(intentPath(database), { force: true });
  await flushFolder(dirname(database));
}
