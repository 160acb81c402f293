import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fromStorage } from './storage-error.ts';

/** Local folders in which objects for a server are prepared; below the state directory, one set for each repository. */
export class Spool {
  readonly #folder: string;
  readonly #unique: string;
  #count = 0;

  /** `location` tells the repositories apart, `unique` the writers. */
  constructor(stateDirectory: string, location: string, unique: string) {
    const name = createHash('sha256').update(location).digest('hex').slice(0, 16);
    this.#folder = join(stateDirectory, 'spool', name);
    this.#unique = unique;
  }

  /** Where objects wait for the server; not emptied by `clear`. */
  get waitingFolder(): string {
    return join(this.#folder, 'waiting');
  }

  async folder(group: string): Promise<string> {
    const folder = join(this.#folder, group, `${this.#unique}-${this.#count++}`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw fromStorage(error, folder);
    }
    return folder;
  }

  async clear(group: string): Promise<void> {
    await rm(join(this.#folder, group), { recursive: true, force: true });
  }
}
