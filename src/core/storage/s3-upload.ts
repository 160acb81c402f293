import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { S3mini } from 's3mini';
import { TradedbError } from '../error.ts';
import { readPart } from './file-part.ts';
import { TransientError } from './retry.ts';
import { isServiceError } from './s3-error.ts';

/** An object that is sent in parts. An interrupted upload of the same object is taken up: equal parts are not sent again. */

type Call = <T>(work: () => Promise<T>) => Promise<T>;

export interface UploadRequest {
  readonly key: string;
  readonly file: FileHandle;
  readonly sizeBytes: number;
  /** Smallest part; the protocol wants at least 5 MiB. */
  readonly partBytes: number;
}

interface Part {
  readonly partNumber: number;
  readonly etag: string;
}

const mostParts = 9000;
const atATime = 4;

export class S3Upload {
  readonly #client: S3mini;
  readonly #call: Call;
  readonly #request: UploadRequest;
  readonly #partBytes: number;

  constructor(client: S3mini, call: Call, request: UploadRequest) {
    this.#client = client;
    this.#call = call;
    this.#request = request;
    this.#partBytes = Math.ceil(Math.max(request.partBytes, 5 * 1024 * 1024, request.sizeBytes / mostParts));
  }

  async run(etagIsMd5: boolean): Promise<void> {
    const { key, sizeBytes } = this.#request;
    const resumed = etagIsMd5 ? await this.#unfinished() : undefined;
    const id = resumed?.id ?? (await this.#call(() => this.#client.getMultipartUploadId(key)));
    const count = Math.ceil(sizeBytes / this.#partBytes);
    const parts: Part[] = [];
    let next = 1;
    const worker = async (): Promise<void> => {
      while (next <= count) {
        const number = next++;
        parts[number - 1] = await this.#part(id, number, { there: resumed?.parts.get(number), etagIsMd5 });
      }
    };
    await Promise.all(Array.from({ length: Math.min(atATime, count) }, worker));
    await this.#complete(id, parts);
    await this.#check();
  }

  async #part(id: string, number: number, known: { there: string | undefined; etagIsMd5: boolean }): Promise<Part> {
    const { key, file, sizeBytes } = this.#request;
    const offset = (number - 1) * this.#partBytes;
    const body = await readPart(file, offset, Math.min(this.#partBytes, sizeBytes - offset));
    const md5 = createHash('md5').update(body).digest();
    if (known.there === md5.toString('hex')) return { partNumber: number, etag: known.there };
    const headers = { 'content-md5': md5.toString('base64') };
    return this.#call(async () => {
      const part = await this.#client.uploadPart(key, id, body, number, {}, undefined, headers);
      if (known.etagIsMd5 && part.etag.toLowerCase() !== md5.toString('hex'))
        throw new TransientError('it stored something else');
      return part;
    });
  }

  /** The answer may be lost although the object is there: then the upload is not known any more. */
  async #complete(id: string, parts: readonly Part[]): Promise<void> {
    const { key } = this.#request;
    await this.#call(async () => {
      try {
        const done = await this.#client.completeMultipartUpload(key, id, [...parts]);
        // A server may find an error after it has answered 200 already.
        if ('Error' in done || done.etag === undefined) throw new TransientError('it did not complete the upload');
      } catch (error) {
        if (!isServiceError(error) || error.status !== 404) throw error;
      }
    });
  }

  async #check(): Promise<void> {
    const { key, sizeBytes } = this.#request;
    const stored = await this.#call(async () => {
      const response = await this.#client.getObjectRaw(key, false, sizeBytes - 1, sizeBytes);
      await response.arrayBuffer();
      return Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]);
    });
    if (stored !== sizeBytes)
      throw new TradedbError('io_error', `${JSON.stringify(key)} was stored with ${stored} of ${sizeBytes} bytes`);
  }

  /** The newest unfinished upload of the same object, with the MD5 of each part that is there. */
  async #unfinished(): Promise<{ id: string; parts: ReadonlyMap<number, string> } | undefined> {
    const { key } = this.#request;
    const found = (await unfinishedUploads(this.#client, this.#call, key)).filter((upload) => upload.key === key);
    const newest = found.sort((a, b) => a.startedAt - b.startedAt).at(-1);
    if (newest === undefined) return undefined;
    const query = { uploadId: newest.id, 'max-parts': 1000 };
    const text = await this.#call(async () => (await this.#client.getObjectRaw(key, true, 0, undefined, query)).text());
    const parts = new Map<number, string>();
    for (const [, part = ''] of text.matchAll(/<Part>(.*?)<\/Part>/gs)) {
      parts.set(
        Number(field(part, 'PartNumber')),
        field(part, 'ETag')
          .replaceAll(/&quot;|"/g, '')
          .toLowerCase(),
      );
    }
    return { id: newest.id, parts };
  }

  /** Ends the uploads below a folder that nobody will resume; they cost money and show up in no listing. */
  static async removeOld(client: S3mini, call: Call, folder: string, before: number): Promise<void> {
    for (const upload of await unfinishedUploads(client, call, folder)) {
      if (upload.startedAt < before) await call(() => client.abortMultipartUpload(upload.key, upload.id));
    }
  }
}

interface Unfinished {
  readonly key: string;
  readonly id: string;
  readonly startedAt: number;
}

/** A server that cannot list them has none to resume. */
async function unfinishedUploads(client: S3mini, call: Call, prefix: string): Promise<readonly Unfinished[]> {
  const answer: unknown = await call(async () => {
    try {
      return await client.listMultipartUploads('/', '', 'GET', { prefix, 'max-uploads': 1000 });
    } catch (error) {
      if (isServiceError(error) && (error.status === 501 || error.status === 405)) return {};
      throw error;
    }
  });
  const record = (value: unknown): Record<string, unknown> =>
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const result = record(record(answer).ListMultipartUploadsResult ?? record(answer).listMultipartUploadsResult);
  return [result.Upload ?? result.upload ?? []].flat().map((one) => ({
    key: String(record(one).Key ?? ''),
    id: String(record(one).UploadId ?? ''),
    startedAt: Date.parse(String(record(one).Initiated ?? '')),
  }));
}

function field(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
}
