import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { TradedbError } from '../error.ts';
import { flushFolder } from '../storage/local-folder.ts';
import { fromStorage } from '../storage/storage-error.ts';

/** A small JSON file beside a database that says what is going on there: whole and on the disk, or not there. */
export async function writeNote(path: string, note: unknown): Promise<void> {
  const unfinished = `${path}.partial`;
  try {
    const file = await open(unfinished, 'w');
    try {
      await file.writeFile(`${JSON.stringify(note, null, 2)}\n`);
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

/** Undefined when there is none. Throws `restore_pending` with the hint for a note that cannot be understood. */
export async function readNote<T extends v.GenericSchema>(
  path: string,
  schema: T,
  hint: string,
): Promise<v.InferOutput<T> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const translated = fromStorage(error, path);
    if (translated instanceof TradedbError && translated.code === 'file_not_found') return undefined;
    throw translated;
  }
  const parsed = v.safeParse(schema, parseJson(text));
  if (parsed.success) return parsed.output;
  throw new TradedbError('restore_pending', `${JSON.stringify(path)} cannot be understood`, { hint });
}

export async function removeNote(path: string): Promise<void> {
  await rm(path, { force: true });
  await flushFolder(dirname(path));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
