import { constants, type Dirent, existsSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { TradedbError } from '../error.ts';
import { keyParts } from './object-key.ts';
import type { ByteRange, ObjectInfo, Storage } from './storage.ts';
import { fromStorage } from './storage-error.ts';

const staging = '.staging';
const partial = '.partial';
const folderTries = 20;

/**
 * A folder of a local (or mounted) file system. An object is written beside its place, flushed, renamed, and the folder
 * is flushed: it is there whole after a power loss, or not at all.
 */
export class LocalFolder implements Storage {
  readonly kind = 'folder';
  readonly location: string;
  readonly leaseFolder: string;
  readonly spoolFolder = undefined;
  #writes = 0;
  readonly #unique: string;

  /** `unique` tells the writers of one folder apart in the names of unfinished files. */
  constructor(path: string, unique: string) {
    this.location = path;
    this.leaseFolder = join(path, 'leases');
    this.#unique = unique;
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const root = this.#path(prefix);
    for (const file of await filesBelow(root)) {
      const stats = await stat(file).catch(() => undefined);
      if (stats === undefined) continue;
      const key = relative(this.location, file).split(sep).join('/');
      yield { key, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
    }
  }

  async read(key: string, range?: ByteRange): Promise<Uint8Array> {
    const path = this.#path(key);
    return translated(path, async () => {
      const file = await open(path, 'r');
      try {
        const bytes = new Uint8Array(range?.length ?? (await file.stat()).size);
        await readExactly(file, bytes, range?.offset ?? 0, path);
        return bytes;
      } finally {
        await file.close();
      }
    });
  }

  async write(key: string, body: Uint8Array, options: { ifAbsent?: boolean } = {}): Promise<boolean> {
    const path = this.#path(key);
    return translated(path, () =>
      this.#inFolder(path, async () => {
        const unfinished = `${path}.${this.#unique}-${this.#writes++}${partial}`;
        try {
          await writeDurably(unfinished, body);
          if (options.ifAbsent === true) {
            if (!(await linkIfAbsent(unfinished, path))) return false;
          } else {
            await rename(unfinished, path);
          }
        } finally {
          await rm(unfinished, { force: true });
        }
        await flushFolder(dirname(path));
        return true;
      }),
    );
  }

  async adopt(key: string, file: string): Promise<void> {
    const path = this.#path(key);
    await translated(path, async () => {
      await this.#inFolder(path, () => rename(file, path));
      await flushFolder(dirname(path));
    });
  }

  async delete(key: string): Promise<void> {
    const path = this.#path(key);
    await translated(path, () => rm(path, { force: true }));
    // The folder of a point goes with its last object; a folder that still holds something stays. Leases come and go.
    if (dirname(path) !== this.leaseFolder) await rmdir(dirname(path)).catch(() => {});
  }

  /** Makes the folder of a file, and makes it again when somebody who emptied it removes it at this very moment. */
  async #inFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      await makeFolder(dirname(path));
      try {
        return await work();
      } catch (error) {
        const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
        if (!isGone || tries === folderTries) throw error;
      }
    }
  }

  async stagingFolder(group: string): Promise<string> {
    const folder = join(this.location, staging, group, `${this.#unique}-${this.#writes++}`);
    await translated(folder, () => makeFolder(folder));
    return folder;
  }

  async removeUnfinished(group: string): Promise<void> {
    const folder = join(this.location, staging, group);
    await translated(folder, () => rm(folder, { recursive: true, force: true }));
    for (const file of await filesBelow(this.#path(`db/${group}`), true)) {
      if (file.endsWith(partial)) await rm(file, { force: true });
    }
  }

  /** By a hard link, which fails where the name is taken. */
  async exclusiveCreate(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {}

  #path(key: string): string {
    return join(this.location, ...keyParts(key));
  }
}

async function filesBelow(folder: string, withUnfinished = false): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown): Dirent[] => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw fromStorage(error, folder);
  });
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.name === staging) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path, withUnfinished)));
    else if (entry.isFile() && (withUnfinished || !entry.name.endsWith(partial))) files.push(path);
  }
  return files;
}

async function readExactly(file: FileHandle, target: Uint8Array, offset: number, path: string): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
    if (bytesRead === 0) throw new TradedbError('io_error', `${JSON.stringify(path)} is shorter than expected`);
    done += bytesRead;
  }
}

/** Writes a file and flushes it; its name is durable when its folder is flushed too. */
export async function writeDurably(path: string, body: Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(body);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code === 'EEXIST') return false;
    if (error.code !== 'EPERM' && error.code !== 'ENOTSUP') throw error;
    // A file system without hard links: the names are unique or equal in content, so a race here does no harm.
    if ((await stat(to).catch(() => undefined)) !== undefined) return false;
    await rename(from, to);
    return true;
  }
}

/** On a read-only file system the recursive form says that the path does not exist: the plain one tells the truth. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error;
    let missing = path;
    while (dirname(missing) !== missing && !existsSync(dirname(missing))) missing = dirname(missing);
    await mkdir(missing);
    await mkdir(path, { recursive: true });
  }
}

/** Makes the names in a folder durable. Windows cannot open folders and needs no flush for a rename. */
export async function flushFolder(path: string): Promise<void> {
  let folder: FileHandle;
  try {
    folder = await open(path, constants.O_RDONLY);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EISDIR' || error.code === 'EPERM')) return;
    throw error;
  }
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function translated<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fromStorage(error, path);
  }
}
