import { type ErrorCode, TradedbError } from '../error.ts';
import { TransientError } from './retry.ts';

/** What an S3-compatible server or the way to it said, in our words. Bodies of answers are never shown: they may repeat signatures. */

interface ServiceError extends Error {
  readonly status: number;
  readonly serviceCode?: string;
  readonly body?: string;
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'status' in error && typeof error.status === 'number';
}

export interface S3About {
  /** `s3:https://host/bucket` */
  readonly location: string;
  readonly bucket: string;
  readonly key: string;
  /** Milliseconds by which our clock is ahead of the server's, by its last answer. */
  readonly skewMs: number | undefined;
}

const transientCodes = new Set(['RequestTimeout', 'SlowDown', 'InternalError', 'ServiceUnavailable', 'BadDigest']);

/** Throws a `TransientError` for what may work next time, and a `TradedbError` for the rest. */
export function fromS3(error: unknown, about: S3About): never {
  if (error instanceof TradedbError || error instanceof TransientError) throw error;
  if (!isServiceError(error)) throw new TransientError(reasonOf(error), { cause: error });
  const { status } = error;
  const serviceCode = codeOf(error);
  if (status === 507 || /Quota|Insufficient|StorageFull|EntityTooLarge/.test(serviceCode)) {
    throw failed('disk_full', about, `is full (${serviceCode})`, 'free some space there, or raise the quota');
  }
  if (status >= 500 || status === 429 || status === 408 || transientCodes.has(serviceCode)) {
    throw new TransientError(`it answered ${status} ${serviceCode}`);
  }
  throw refused(status, serviceCode, about);
}

/** The client takes the code only from answers of the type `application/xml` without a charset. */
function codeOf({ serviceCode, body }: ServiceError): string {
  if (serviceCode !== undefined && serviceCode !== 'Unknown') return serviceCode;
  return /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(body ?? '')?.[1] ?? 'no reason given';
}

function refused(status: number, code: string, about: S3About): TradedbError {
  if (code === 'NoSuchBucket') {
    return failed(
      'storage_refused',
      about,
      `has no bucket ${JSON.stringify(about.bucket)}`,
      'make it, or check the name',
    );
  }
  if (status === 404) return new TradedbError('file_not_found', `${JSON.stringify(about.key)} does not exist`);
  if (status === 416) {
    return new TradedbError('io_error', `${JSON.stringify(about.key)} in ${about.location} is shorter than expected`);
  }
  if (code === 'RequestTimeTooSkewed') {
    const { skewMs } = about;
    const by = skewMs === undefined ? '' : ` by ${Math.round(Math.abs(skewMs) / 1000)} s`;
    const message = `does not accept our requests: the clock of this machine differs${by} from its own`;
    return failed('storage_refused', about, message, 'set the clock (NTP)');
  }
  if (code === 'SignatureDoesNotMatch' || code === 'InvalidAccessKeyId') {
    const hint = 'check TRADEDB_S3_ACCESS_KEY_ID and TRADEDB_S3_SECRET_ACCESS_KEY, or the key files, and the region';
    return failed('storage_refused', about, `does not accept the access key (${code})`, hint);
  }
  if (status === 401 || status === 403) {
    const hint = 'the key needs to list, read, write and delete in this bucket';
    return failed('permission_denied', about, `denied access to ${JSON.stringify(about.key)} (${code})`, hint);
  }
  return failed('io_error', about, `answered ${status} ${code} for ${JSON.stringify(about.key)}`);
}

export function unavailable(about: Pick<S3About, 'location'>, reason: string): TradedbError {
  return new TradedbError('storage_unavailable', `${about.location} cannot be reached: ${reason}`, {
    hint: 'check the endpoint and the network; nothing was changed that had not been finished',
  });
}

function failed(code: ErrorCode, { location }: S3About, what: string, hint?: string): TradedbError {
  return new TradedbError(code, `${location} ${what}`, hint === undefined ? {} : { hint });
}

function reasonOf(error: unknown): string {
  const causes: string[] = [];
  for (let current = error; current instanceof Error && causes.length < 3; current = current.cause) {
    causes.push('code' in current && typeof current.code === 'string' ? current.code : current.message);
  }
  return causes.at(-1) ?? String(error);
}
