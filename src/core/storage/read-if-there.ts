import { TradedbError } from '../error.ts';
import type { Storage } from './storage.ts';

/** A whole object; undefined when it is not there: somebody may have deleted it since it was listed. */
export async function readIfThere(storage: Storage, key: string): Promise<Uint8Array | undefined> {
  try {
    return await storage.read(key);
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'file_not_found') return undefined;
    throw error;
  }
}
