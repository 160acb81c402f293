import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { S3mini } from 's3mini';
import { TradedbError } from '../error.ts';
import { CapabilityCache } from './capability.ts';
import { readPart, withFile } from './file-part.ts';
import { keyParts } from './object-key.ts';
import { type RetryPorts, retried, TransientError } from './retry.ts';
import { fromS3, isServiceError, type S3About, unavailable } from './s3-error.ts';
import { S3Upload } from './s3-upload.ts';
import { Spool } from './spool.ts';
import type { ByteRange, ObjectInfo, Storage } from './storage.ts';

export interface S3Settings {
  /** `https://host[:port]` */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** Folder in the bucket without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly stateDirectory: string;
  /** Tells the writers apart. */
  readonly unique: string;
  /** Longest time for one request. */
  readonly requestTimeoutMs?: number;
  /** Larger objects are sent in parts of at least a quarter of this. */
  readonly singlePutBytes?: number;
}

const defaultTimeoutMs = 300_000;
const defaultSinglePutBytes = 64 * 1024 * 1024 + 1024 * 1024;
/** Unfinished uploads that are younger may be resumed. */
const resumableMs = 86_400_000;

/** A bucket of an S3-compatible server, by path-style requests. */
export class S3Bucket implements Storage {
  readonly kind = 's3';
  readonly location: string;
  readonly leaseFolder = undefined;
  readonly #settings: S3Settings;
  readonly #ports: RetryPorts;
  readonly #client: S3mini;
  readonly #spool: Spool;
  readonly #capability: CapabilityCache;
  readonly #prefix: string;
  #skewMs: number | undefined;

  constructor(settings: S3Settings, ports: RetryPorts) {
    const { endpoint, bucket, prefix, stateDirectory } = settings;
    this.#settings = settings;
    this.#ports = ports;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.location = `s3:${endpoint.replace(/\/+$/, '')}/${bucket}${prefix === '' ? '' : `/${prefix}`}`;
    this.#spool = new Spool(stateDirectory, this.location, settings.unique);
    this.#capability = new CapabilityCache(stateDirectory, this.location);
    this.#client = new S3mini({
      accessKeyId: settings.accessKeyId,
      secretAccessKey: settings.secretAccessKey,
      endpoint: `${endpoint.replace(/\/+$/, '')}/${bucket}`,
      region: settings.region,
      requestAbortTimeout: settings.requestTimeoutMs ?? defaultTimeoutMs,
      fetch: (input, init) => this.#fetch(input, init),
    });
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const folder = `${this.#prefix}${prefix === '' ? '' : `${prefix}/`}`;
    let token: string | undefined;
    do {
      const page = await this.#call(prefix, () => this.#client.listObjectsPaged('/', folder, 1000, token));
      if (page === null || page === undefined) throw this.#noBucket();
      for (const { Key, Size, LastModified } of page.objects ?? []) {
        yield { key: Key.slice(this.#prefix.length), sizeBytes: Size, modifiedMs: LastModified.getTime() };
      }
      token = page.nextContinuationToken;
    } while (token !== undefined);
  }

  async read(key: string, range?: ByteRange): Promise<Uint8Array> {
    const name = this.#name(key);
    if (range?.length === 0) return new Uint8Array(0);
    return this.#call(key, async () => {
      const end = range === undefined ? undefined : range.offset + range.length;
      const response = await this.#client.getObjectRaw(name, range === undefined, range?.offset ?? 0, end);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (range === undefined) return complete(bytes, Number(response.headers.get('content-length') ?? bytes.length));
      // A server that does not know ranges sends the whole object.
      const part = response.status === 206 ? bytes : bytes.subarray(range.offset, range.offset + range.length);
      if (response.status === 206 && endsBefore(response.headers.get('content-range'), range)) throw this.#short(key);
      if (response.status !== 206 && part.length < range.length) throw this.#short(key);
      return complete(part, range.length);
    });
  }

  async write(key: string, body: Uint8Array, options: { ifAbsent?: boolean } = {}): Promise<boolean> {
    const name = this.#name(key);
    if (options.ifAbsent !== true) {
      await this.#put(name, body);
      return true;
    }
    if (await this.exclusiveCreate()) return this.#create(key, name, body);
    if (await this.#call(key, () => this.#client.objectExists(name))) return false;
    await this.#put(name, body);
    return true;
  }

  async adopt(key: string, file: string): Promise<void> {
    const name = this.#name(key);
    const limit = this.#settings.singlePutBytes ?? defaultSinglePutBytes;
    await withFile(file, async (handle, sizeBytes) => {
      if (sizeBytes <= limit) {
        await this.#put(name, await readPart(handle, 0, sizeBytes));
        return;
      }
      const call = <T>(work: () => Promise<T>): Promise<T> => this.#call(key, work);
      const upload = new S3Upload(this.#client, call, { key: name, file: handle, sizeBytes, partBytes: limit / 4 });
      await upload.run((await this.#capabilities()).etagIsMd5);
    });
    await rm(file, { force: true });
  }

  async delete(key: string): Promise<void> {
    const name = this.#name(key);
    try {
      await this.#call(key, () => this.#client.deleteObject(name));
    } catch (error) {
      if (!(error instanceof TradedbError) || error.code !== 'file_not_found') throw error;
    }
  }

  get spoolFolder(): string {
    return this.#spool.waitingFolder;
  }

  stagingFolder(group: string): Promise<string> {
    return this.#spool.folder(group);
  }

  /** Young uploads stay: the one that goes on with their object resumes them. */
  async removeUnfinished(group: string): Promise<void> {
    await this.#spool.clear(group);
    const before = this.#ports.clock.wallTime() - resumableMs;
    const folder = `${this.#prefix}db/${group}/`;
    const call = <T>(work: () => Promise<T>): Promise<T> => this.#call(folder, work);
    await S3Upload.removeOld(this.#client, call, folder, before);
  }

  async exclusiveCreate(): Promise<boolean> {
    return (await this.#capabilities()).exclusiveCreate;
  }

  async close(): Promise<void> {}

  #capabilities() {
    return this.#capability.get(this.#ports.clock.wallTime(), () => this.#probe());
  }

  /** Only an answer of 412 that leaves the object alone counts: some servers ignore the header and overwrite. */
  async #probe() {
    const id = Buffer.from(this.#ports.random.bytes(8)).toString('hex');
    const name = `${this.#prefix}leases/probe-${id}`;
    const [first, second] = [Buffer.from('first'), Buffer.from('other')];
    const response = await this.#call(name, () => this.#client.putObject(name, first, binary, undefined, md5Of(first)));
    const etagIsMd5 = etagOf(response) === createHash('md5').update(first).digest('hex');
    try {
      const refused = await this.#call(name, () => this.#putIfAbsent(name, second)).then(
        (created) => !created,
        (error: unknown) => {
          // 501 and its like: the server says that it cannot.
          if (error instanceof TradedbError) return false;
          throw error;
        },
      );
      const kept = await this.#call(name, async () => (await this.#client.getObjectRaw(name)).text());
      return { exclusiveCreate: refused && kept === 'first', etagIsMd5 };
    } finally {
      await this.#call(name, () => this.#client.deleteObject(name));
    }
  }

  /** A second try may meet the object of the first one, whose answer was lost. */
  async #create(key: string, name: string, body: Uint8Array): Promise<boolean> {
    let sent = 0;
    const created = await this.#call(key, () => {
      sent += 1;
      return this.#putIfAbsent(name, body);
    });
    if (created || sent === 1) return created;
    return Buffer.compare(await this.read(key), body) === 0;
  }

  async #putIfAbsent(name: string, body: Uint8Array): Promise<boolean> {
    const headers = { ...md5Of(body), 'if-none-match': '*' };
    try {
      await this.#client.putObject(name, bodyOf(body), binary, undefined, headers);
      return true;
    } catch (error) {
      if (isServiceError(error) && (error.status === 412 || error.status === 409)) return false;
      if (isServiceError(error) && error.status === 501) {
        throw new TradedbError('unsupported', 'the server has no conditional writes');
      }
      throw error;
    }
  }

  /** The server checks Content-MD5; what it says to have stored is compared too, or read back where that says nothing. */
  async #put(name: string, body: Uint8Array): Promise<void> {
    const md5 = createHash('md5').update(body).digest();
    const { etagIsMd5 } = await this.#capabilities();
    const headers = { 'content-md5': md5.toString('base64') };
    await this.#call(name, async () => {
      const response = await this.#client.putObject(name, bodyOf(body), binary, undefined, headers);
      if (etagIsMd5 && etagOf(response) !== md5.toString('hex')) throw new TransientError('it stored something else');
    });
    if (etagIsMd5) return;
    await this.#call(name, async () => {
      const stored = new Uint8Array(await (await this.#client.getObjectRaw(name)).arrayBuffer());
      if (Buffer.compare(stored, body) !== 0) throw new TransientError('it stored something else');
    });
  }

  async #call<T>(key: string, work: () => Promise<T>): Promise<T> {
    const about = (): S3About => ({
      location: this.location,
      bucket: this.#settings.bucket,
      key,
      skewMs: this.#skewMs,
    });
    return retried(
      this.#ports,
      async () => {
        try {
          return await work();
        } catch (error) {
          return fromS3(error, about());
        }
      },
      (error) => unavailable(about(), error.message),
    );
  }

  async #fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const response = await fetch(input, init);
    const date = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(date)) this.#skewMs = this.#ports.clock.wallTime() - date;
    return response;
  }

  #name(key: string): string {
    return `${this.#prefix}${keyParts(key).join('/')}`;
  }

  #short(key: string): TradedbError {
    return new TradedbError('io_error', `${JSON.stringify(key)} in ${this.location} is shorter than expected`);
  }

  #noBucket(): TradedbError {
    const message = `${this.location} has no bucket ${JSON.stringify(this.#settings.bucket)}`;
    return new TradedbError('storage_refused', message, { hint: 'make it, or check the name' });
  }
}

const binary = 'application/octet-stream';

function md5Of(body: Uint8Array): Record<string, string> {
  return { 'content-md5': createHash('md5').update(body).digest('base64') };
}

function etagOf(response: Response): string {
  return (response.headers.get('etag') ?? '').replaceAll('"', '').toLowerCase();
}

/** A view that the client accepts; only of a shared buffer it is a copy. */
function bodyOf(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = body;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, length) : new Uint8Array(body);
}

function complete(bytes: Uint8Array, expected: number): Uint8Array {
  if (bytes.length === expected) return bytes;
  throw new TransientError(`it sent ${bytes.length} of ${expected} bytes`);
}

/** `bytes 0-9/10`: the object ends before the wanted range does. */
function endsBefore(contentRange: string | null, range: ByteRange): boolean {
  const total = /\/(\d+)$/.exec(contentRange ?? '')?.[1];
  return total !== undefined && Number(total) < range.offset + range.length;
}
