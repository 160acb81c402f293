import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import type { Clock } from '../context.ts';
import { TradedbError } from '../error.ts';
import { hostKeyAlgorithms, isKnownKey, type KnownHost, knownHostKeys } from './known-hosts.ts';
import { TransientError } from './retry.ts';
import { fromStorage } from './storage-error.ts';

export interface SftpAccess {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly knownHostsFile: string;
  /** Undefined: the agent. */
  readonly privateKeyFile: string | undefined;
  readonly passphrase: string | undefined;
  /** Socket of the SSH agent. */
  readonly agent: string | undefined;
  /** Longest time without an answer. */
  readonly timeoutMs: number;
}

/** Calls of one SFTP connection as promises, with a deadline for each; a lost connection is a `TransientError`. */
export class SftpSession {
  readonly #client: SftpClient;
  readonly #socket: Socket;
  readonly #raw: SFTPWrapper;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #pending = 0;
  #lost: string | undefined;

  private constructor(client: SftpClient, socket: Socket, access: SftpAccess, clock: Clock) {
    this.#client = client;
    this.#socket = socket;
    this.#clock = clock;
    this.#timeoutMs = access.timeoutMs;
    this.#raw = (client as unknown as { sftp: SFTPWrapper }).sftp;
    socket.on('close', () => {
      this.#lost ??= 'the connection was closed';
    });
    socket.unref();
  }

  static async open(access: SftpAccess, clock: Clock): Promise<SftpSession> {
    const known = readKnownHosts(access);
    const credentials = login(access);
    const socket = await connected(access, clock);
    let shown: Buffer | undefined;
    const ignore = (): void => {};
    const client = new SftpClient('tradedb', { error: ignore, end: ignore, close: ignore });
    try {
      await client.connect({
        sock: socket,
        username: access.user,
        readyTimeout: access.timeoutMs,
        algorithms: { serverHostKey: [...hostKeyAlgorithms(known)] as never, cipher: fastCiphers as never },
        hostVerifier: (key: Buffer) => {
          shown = key;
          return isKnownKey(known, key);
        },
        ...credentials,
      });
    } catch (error) {
      socket.destroy();
      throw whyNot(error, access, shown === undefined || isKnownKey(known, shown));
    }
    return new SftpSession(client, socket, access, clock);
  }

  get isOpen(): boolean {
    return this.#lost === undefined;
  }

  close(reason = 'closed'): void {
    this.#lost ??= reason;
    void this.#client.end().catch(() => {});
    this.#socket.destroy();
  }

  /** Opens without cutting: for a file that is half there. */
  openToGoOn(path: string): Promise<Buffer> {
    return this.#ask((done) => this.#raw.open(path, 'r+', done));
  }

  open(path: string, flags: 'r' | 'w'): Promise<Buffer> {
    return this.#ask((done) => this.#raw.open(path, flags, done));
  }

  closeFile(handle: Buffer): Promise<void> {
    return this.#ask((done) => this.#raw.close(handle, done));
  }

  stat(path: string): Promise<Stats> {
    return this.#ask((done) => this.#raw.stat(path, done));
  }

  sizeOf(handle: Buffer): Promise<number> {
    return this.#ask<Stats>((done) => this.#raw.fstat(handle, done)).then(({ size }) => size);
  }

  /** Bytes that were read: less than wanted is possible, 0 is the end. */
  read(handle: Buffer, target: Buffer, position: number): Promise<number> {
    return this.#ask<number>((done) => {
      this.#raw.read(handle, target, 0, target.length, position, (error, count) => {
        // The end of a file is an error of the protocol.
        const ended = (error as { code?: unknown } | undefined)?.code === 1;
        done(ended ? undefined : error, ended ? 0 : count);
      });
    });
  }

  write(handle: Buffer, bytes: Buffer, position: number): Promise<void> {
    return this.#ask((done) => this.#raw.write(handle, bytes, 0, bytes.length, position, done));
  }

  async flush(handle: Buffer): Promise<void> {
    await this.#ask((done) => this.#raw.ext_openssh_fsync(handle, done as () => void));
  }

  /** Over an existing file too. */
  replace(from: string, to: string): Promise<void> {
    return this.#ask((done) => this.#raw.ext_openssh_rename(from, to, done));
  }

  /** Fails where the name is taken. */
  rename(from: string, to: string): Promise<void> {
    return this.#ask((done) => this.#raw.rename(from, to, done));
  }

  remove(path: string): Promise<void> {
    return this.#ask((done) => this.#raw.unlink(path, done));
  }

  removeFolder(path: string): Promise<void> {
    return this.#ask((done) => this.#raw.rmdir(path, done));
  }

  makeFolder(path: string): Promise<void> {
    return this.#ask((done) => this.#raw.mkdir(path, done));
  }

  entries(path: string): Promise<FileEntryWithStats[]> {
    return this.#ask((done) => this.#raw.readdir(path, done));
  }

  /** Bytes that are free for us; undefined when the server cannot say. */
  async freeBytes(path: string): Promise<number | undefined> {
    try {
      const found = await this.#ask<Record<string, number>>((done) => this.#raw.ext_openssh_statvfs(path, done));
      return Number(found.f_bavail) * Number(found.f_frsize);
    } catch {
      return undefined;
    }
  }

  #ask<T>(start: (done: (error: unknown, value?: T) => void) => void): Promise<T> {
    if (this.#lost !== undefined) return Promise.reject(new TransientError(this.#lost));
    if (this.#pending++ === 0) this.#socket.ref();
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#clock.after(this.#timeoutMs, () => {
        this.close('no answer in time');
        reject(new TransientError('no answer in time'));
      });
      const failed = (error: unknown): unknown =>
        this.#lost === undefined && isStatus(error) ? error : new TransientError(this.#lost ?? messageOf(error));
      const settle = (error: unknown, value?: T): void => {
        cancel();
        if (error === undefined || error === null) resolve(value as T);
        else reject(failed(error));
      };
      try {
        start(settle);
      } catch (error) {
        settle(error);
      }
    }).finally(() => {
      if (--this.#pending === 0) this.#socket.unref();
    });
  }
}

/** The library does AES-GCM with OpenSSL, and its first choice, ChaCha20, partly by itself at a fraction of the speed. */
const fastCiphers = { prepend: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'], append: [], remove: [] };

/** A status of the SFTP protocol, with its number. */
export function isStatus(error: unknown): error is Error & { code: number } {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}

function readKnownHosts(access: SftpAccess): readonly KnownHost[] {
  let text: string;
  try {
    text = readFileSync(access.knownHostsFile, 'utf8');
  } catch (error) {
    throw fromStorage(error, access.knownHostsFile);
  }
  const known = knownHostKeys(text, access.host, access.port);
  if (known.some(({ revoked }) => !revoked)) return known;
  throw unknownHost(access, 'is not in');
}

function unknownHost({ host, port, knownHostsFile }: SftpAccess, what: string): TradedbError {
  return new TradedbError(
    'storage_refused',
    `the host key of ${host}:${port} ${what} ${JSON.stringify(knownHostsFile)}`,
    {
      hint: `compare it with what its operator says, then add it: ssh-keyscan -p ${port} ${host}`,
    },
  );
}

function login(access: SftpAccess): { privateKey: Buffer; passphrase?: string } | { agent: string } {
  if (access.privateKeyFile !== undefined) {
    try {
      const privateKey = readFileSync(access.privateKeyFile);
      return access.passphrase === undefined ? { privateKey } : { privateKey, passphrase: access.passphrase };
    } catch (error) {
      throw fromStorage(error, access.privateKeyFile);
    }
  }
  if (access.agent !== undefined) return { agent: access.agent };
  throw new TradedbError('config_invalid', `there is no key to log in to ${access.host} with`, {
    hint: 'set privateKeyFile of the repository, or start an SSH agent',
  });
}

async function connected({ host, port, timeoutMs }: SftpAccess, clock: Clock): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      cancel();
      socket.destroy();
      reject(new TransientError(reason));
    };
    const cancel = clock.after(timeoutMs, () => fail('no answer in time'));
    socket.once('error', (error) => fail('code' in error ? String(error.code) : error.message));
    socket.once('connect', () => {
      cancel();
      // What happens later is seen by `close`.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function whyNot(error: unknown, access: SftpAccess, hostKnown: boolean): unknown {
  if (!hostKnown) return unknownHost(access, 'differs from the one in');
  const text = messageOf(error);
  const place = `${access.user}@${access.host}:${access.port}`;
  if (/authentication methods failed/i.test(text)) {
    const key = access.privateKeyFile === undefined ? 'the agent' : JSON.stringify(access.privateKeyFile);
    return new TradedbError('storage_refused', `${place} does not accept the key of ${key}`, {
      hint: 'check user and key; try: sftp -i <key> <user>@<host>',
    });
  }
  if (/parse privateKey|passphrase|bad decrypt|Malformed OpenSSH|integrity check/i.test(text)) {
    return new TradedbError('storage_refused', `the key ${JSON.stringify(access.privateKeyFile)} cannot be read`, {
      hint: 'give its passphrase in TRADEDB_SFTP_PASSPHRASE, or name another key',
    });
  }
  if (/no matching host key/i.test(text)) return unknownHost(access, 'is of another type than in');
  return new TransientError(text);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
