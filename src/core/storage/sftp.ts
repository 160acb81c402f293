import { rm } from 'node:fs/promises';
import { TradedbError } from '../error.ts';
import { readPart, withFile } from './file-part.ts';
import { keyParts } from './object-key.ts';
import { type RetryPorts, retried, TransientError } from './retry.ts';
import { isStatus, type SftpAccess, SftpSession } from './sftp-session.ts';
import { Spool } from './spool.ts';
import type { ByteRange, ObjectInfo, Storage } from './storage.ts';

export interface SftpSettings extends SftpAccess {
  /** Folder on the server; relative to the login folder unless it begins with a slash. */
  readonly path: string;
  readonly stateDirectory: string;
  /** Tells the writers apart. */
  readonly unique: string;
}

const partial = '.partial';
/** Segments of the archive lie below this folder of a database, and are prepared by a group of this name. */
const archiveFolder = 'wal';
const archiveGroup = '-wal';
/**
 * Requests at a time and bytes of each: one at a time would wait for the network most of the time. A request has to fit
 * into a packet of OpenSSH (256 KiB), or the library sends it as two, one after the other.
 */
const atATime = 8;
const requestBytes = 240 * 1024;
/** A disk with less than this is full when a write to it failed. */
const fullBytes = 4 * 1024 * 1024;

const status = { noSuchFile: 2, permissionDenied: 3, failure: 4 } as const;

/** A source of bytes with a known length, asked for pieces in any order. */
interface Body {
  readonly sizeBytes: number;
  part(offset: number, length: number): Promise<Uint8Array>;
}

/** How far a body got before the connection was lost. */
interface Progress {
  readonly path: string;
  doneBytes: number;
}

/** A folder on an SFTP server. Objects are written beside their place, flushed and renamed. */
export class SftpFolder implements Storage {
  readonly kind = 'sftp';
  readonly location: string;
  readonly leaseFolder = undefined;
  readonly #settings: SftpSettings;
  readonly #ports: RetryPorts;
  readonly #spool: Spool;
  readonly #folders = new Set<string>();
  #session: Promise<SftpSession> | undefined;
  #writes = 0;

  constructor(settings: SftpSettings, ports: RetryPorts) {
    const { user, host, port, path, stateDirectory, unique } = settings;
    this.#settings = settings;
    this.#ports = ports;
    this.location = `sftp://${user}@${host}${port === 22 ? '' : `:${port}`}/${path.replace(/^\//, '')}`;
    this.#spool = new Spool(stateDirectory, this.location, unique);
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const folders = [prefix];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const entries = await this.#entries(folder);
      for (const { filename, attrs } of entries) {
        if (filename === '.' || filename === '..') continue;
        const key = folder === '' ? filename : `${folder}/${filename}`;
        if (attrs.isDirectory()) folders.push(key);
        else if (attrs.isFile() && !filename.endsWith(partial)) {
          yield { key, sizeBytes: attrs.size, modifiedMs: attrs.mtime * 1000 };
        }
      }
    }
  }

  async read(key: string, range?: ByteRange): Promise<Uint8Array> {
    const path = this.#path(key);
    return this.#call(key, async (session) => {
      const handle = await session.open(path, 'r');
      try {
        const bytes = Buffer.alloc(range?.length ?? (await session.sizeOf(handle)));
        await this.#readInto(session, handle, { bytes, offset: range?.offset ?? 0, key });
        return bytes;
      } finally {
        await session.closeFile(handle).catch(() => {});
      }
    });
  }

  async write(key: string, body: Uint8Array, options: { ifAbsent?: boolean } = {}): Promise<boolean> {
    const source: Body = {
      sizeBytes: body.length,
      part: async (offset, length) => body.subarray(offset, offset + length),
    };
    return this.#store(key, source, options.ifAbsent === true);
  }

  async adopt(key: string, file: string): Promise<void> {
    await withFile(file, async (handle, sizeBytes) => {
      await this.#store(key, { sizeBytes, part: (offset, length) => readPart(handle, offset, length) }, false);
    });
    await rm(file, { force: true });
  }

  async delete(key: string): Promise<void> {
    const path = this.#path(key);
    await this.#call(key, async (session) => {
      await session.remove(path).catch((error: unknown) => {
        if (!isStatus(error) || error.code !== status.noSuchFile) throw error;
      });
      // The folder of a point goes with its last object; a folder that still holds something stays.
      const folder = parentOf(path);
      this.#folders.delete(folder);
      await session.removeFolder(folder).catch(() => {});
    });
  }

  get spoolFolder(): string {
    return this.#spool.waitingFolder;
  }

  stagingFolder(group: string): Promise<string> {
    return this.#spool.folder(group);
  }

  async removeUnfinished(group: string): Promise<void> {
    await this.#spool.clear(group);
    // What the archiver is sending at this moment is its own affair.
    const archive = `db/${group}/${archiveFolder}`;
    const folders = [
      group.endsWith(archiveGroup) ? `db/${group.slice(0, -archiveGroup.length)}/${archiveFolder}` : `db/${group}`,
    ];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const { filename, attrs } of await this.#entries(folder)) {
        if (filename === '.' || filename === '..') continue;
        const key = `${folder}/${filename}`;
        if (attrs.isDirectory()) {
          if (key !== archive) folders.push(key);
        } else if (filename.endsWith(partial)) await this.#call(key, (session) => session.remove(this.#path(key)));
      }
    }
  }

  /** The rename of the protocol fails where the name is taken (OpenSSH makes a hard link). */
  async exclusiveCreate(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    this.#session = undefined;
    session?.close();
  }

  async #entries(folder: string) {
    try {
      return await this.#call(folder, (session) => session.entries(this.#path(folder)));
    } catch (error) {
      if (error instanceof TradedbError && error.code === 'file_not_found') return [];
      throw error;
    }
  }

  async #readInto(
    session: SftpSession,
    handle: Buffer,
    { bytes, offset, key }: { bytes: Buffer; offset: number; key: string },
  ): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < bytes.length) {
        const start = next;
        const end = Math.min(start + requestBytes, bytes.length);
        next = end;
        for (let done = start; done < end; ) {
          const count = await session.read(handle, bytes.subarray(done, end), offset + done);
          if (count === 0) throw shorter(key, this.location);
          done += count;
        }
      }
    };
    await Promise.all(Array.from({ length: atATime }, worker));
  }

  /** Written beside its place; after a lost connection it goes on behind what was confirmed. */
  async #store(key: string, body: Body, ifAbsent: boolean): Promise<boolean> {
    const path = this.#path(key);
    const progress: Progress = { path: `${path}.${this.#settings.unique}-${this.#writes++}${partial}`, doneBytes: 0 };
    try {
      let renamed = false;
      return await this.#call(key, async (session) => {
        // The answer to a rename may be lost: then the unfinished name is gone and the object is there.
        if (renamed && !(await exists(session, progress.path)) && (await exists(session, path))) return true;
        await this.#send(session, body, progress);
        if (!ifAbsent) {
          renamed = true;
          await session.replace(progress.path, path);
          return true;
        }
        if (await exists(session, path)) return false;
        renamed = true;
        try {
          await session.rename(progress.path, path);
          return true;
        } catch (error) {
          if (isStatus(error) && error.code === status.failure && (await exists(session, path))) return false;
          throw error;
        }
      });
    } finally {
      const session = await this.#session?.catch(() => undefined);
      if (session?.isOpen === true) await session.remove(progress.path).catch(() => {});
    }
  }

  async #send(session: SftpSession, body: Body, progress: Progress): Promise<void> {
    await this.#makeFolders(session, parentOf(progress.path));
    const known = progress.doneBytes > 0 && (await exists(session, progress.path));
    if (!known) progress.doneBytes = 0;
    const handle = await (known ? session.openToGoOn(progress.path) : session.open(progress.path, 'w')).catch(
      (error: unknown) => {
        if (!isStatus(error) || error.code !== status.noSuchFile) throw error;
        this.#folders.clear();
        throw new TransientError('a folder was removed meanwhile');
      },
    );
    try {
      await sendAll(session, handle, body, progress);
      await session.flush(handle);
      const stored = await session.sizeOf(handle);
      if (stored !== body.sizeBytes) throw new TransientError(`it stored ${stored} of ${body.sizeBytes} bytes`);
    } finally {
      await session.closeFile(handle).catch(() => {});
    }
  }

  async #makeFolders(session: SftpSession, folder: string): Promise<void> {
    if (folder === '' || folder === '/' || this.#folders.has(folder)) return;
    if (!(await exists(session, folder))) {
      await this.#makeFolders(session, parentOf(folder));
      await session.makeFolder(folder).catch(async (error: unknown) => {
        if (!(await exists(session, folder))) throw error;
      });
    }
    this.#folders.add(folder);
  }

  async #call<T>(key: string, work: (session: SftpSession) => Promise<T>): Promise<T> {
    return retried(
      this.#ports,
      async () => {
        const session = await this.#connect();
        try {
          return await work(session);
        } catch (error) {
          throw await this.#translated(error, key, session);
        }
      },
      (error) =>
        new TradedbError('storage_unavailable', `${this.location} cannot be reached: ${error.message}`, {
          hint: 'check host, port and network; nothing was changed that had not been finished',
        }),
    );
  }

  async #connect(): Promise<SftpSession> {
    const current = await this.#session?.catch(() => undefined);
    if (current?.isOpen === true) return current;
    this.#session = SftpSession.open(this.#settings, this.#ports.clock);
    return this.#session;
  }

  /** The protocol has one number for most failures, a full disk among them. */
  async #translated(error: unknown, key: string, session: SftpSession): Promise<unknown> {
    if (!isStatus(error)) return error;
    const about = JSON.stringify(key);
    switch (error.code) {
      case status.noSuchFile:
        return new TradedbError('file_not_found', `${about} does not exist`, { cause: error });
      case status.permissionDenied:
        return new TradedbError('permission_denied', `${this.location} denied access to ${about}`, {
          hint: 'the user needs to read and write in that folder',
          cause: error,
        });
    }
    const free = await session.freeBytes(this.#settings.path);
    if (free !== undefined && free < fullBytes) {
      return new TradedbError('disk_full', `${this.location} is full`, { hint: 'free some space there', cause: error });
    }
    return new TradedbError('io_error', `${this.location} failed for ${about}: ${error.message}`, { cause: error });
  }

  #path(key: string): string {
    const root = this.#settings.path.replace(/\/+$/, '');
    return key === '' ? (root === '' ? '/' : root) : `${root}/${keyParts(key).join('/')}`;
  }
}

/** Sends what is missing; `doneBytes` is always the place up to which everything was confirmed. */
async function sendAll(session: SftpSession, handle: Buffer, body: Body, progress: Progress): Promise<void> {
  const underWay = new Set<number>();
  let next = progress.doneBytes;
  const worker = async (): Promise<void> => {
    while (next < body.sizeBytes) {
      const from = next;
      next = Math.min(from + requestBytes, body.sizeBytes);
      underWay.add(from);
      const bytes = await body.part(from, next - from);
      await session.write(handle, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), from);
      underWay.delete(from);
      progress.doneBytes = Math.min(next, ...underWay);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

async function exists(session: SftpSession, path: string): Promise<boolean> {
  try {
    await session.stat(path);
    return true;
  } catch (error) {
    if (isStatus(error) && error.code === status.noSuchFile) return false;
    throw error;
  }
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? path.slice(0, end + 1) : path.slice(0, end);
}

function shorter(key: string, location: string): TradedbError {
  return new TradedbError('io_error', `${JSON.stringify(key)} in ${location} is shorter than expected`);
}
