import { type FileHandle, open } from 'node:fs/promises';
import { TradedbError } from '../error.ts';
import { fromStorage } from './storage-error.ts';

/** A local file that is uploaded part by part. */
export async function withFile<T>(path: string, work: (file: FileHandle, sizeBytes: number) => Promise<T>): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw fromStorage(error, path);
  }
  try {
    return await work(file, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

/** Exactly these bytes; `io_error` when the file is shorter. */
export async function readPart(file: FileHandle, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new TradedbError('io_error', 'a file became shorter while it was uploaded');
    done += bytesRead;
  }
  return bytes;
}
