import { rm } from 'node:fs/promises';
import { formatByteSize } from '../../config/byte-size.ts';
import type { OperationContext } from '../../context.ts';
import { type ErrorCode, TradedbError } from '../../error.ts';
import type { Repository } from '../repository/repository.ts';
import { type Epoch, readEpochs } from './epoch.ts';
import { segmentKey } from './segment-format.ts';
import { type ArchiveEnd, SegmentSpool, type WaitingSegment } from './segment-spool.ts';
import { durable, type LeasedRepository, type SegmentStore, type StoreEvent, storedEnd } from './segment-store.ts';

export interface SpoolSettings {
  /** Local folder of this database and repository; only one archiver may use it at a time. */
  readonly folder: string;
  readonly maxBytes: number;
}

export interface SpooledStoreRequest {
  readonly databaseId: string;
  readonly spool: SpoolSettings;
  readonly leaseFolder: string;
  /** Opens the repository; tried again after an outage. */
  readonly connect: () => Promise<LeasedRepository>;
  readonly onEvent: (event: StoreEvent) => void;
}

/** What a server may say and may not say later. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'storage_unavailable',
  'storage_refused',
  'permission_denied',
  'read_only',
  'disk_full',
  'io_error',
]);

const firstPauseMs = 500;
const longestPauseMs = 10_000;
/** An archiver that was suspended until another one took over ends. */
const leaseEveryMs = 10_000;
/** At the start, the server is waited for so long. */
const connectMs = 10_000;
/** At the end, a server gets this long for one segment. */
const lastWaitMs = 10_000;

/**
 * The archive before a server. A segment is durable once it lies in the spool; from there segments go to the server in
 * order, as soon as it can be reached. So an outage holds up neither the recording nor the WAL, up to the size of the spool.
 */
export class SpooledStore implements SegmentStore {
  readonly outlivesOutage = true;
  readonly #request: SpooledStoreRequest;
  readonly #context: OperationContext;
  readonly #spool: SegmentSpool;
  readonly #stop = new AbortController();
  readonly #hurry = new AbortController();
  #place: Promise<LeasedRepository> | undefined;
  /** What waits follows from what the repository holds. */
  #verified = false;
  #ending = false;
  #sending: Promise<void> | undefined;
  #failure: unknown;
  #break: string | undefined;
  #refusedBytes = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;

  private constructor(request: SpooledStoreRequest, context: OperationContext, spool: SegmentSpool) {
    this.#request = request;
    this.#context = context;
    this.#spool = spool;
  }

  static async open(request: SpooledStoreRequest, context: OperationContext): Promise<SpooledStore> {
    return new SpooledStore(request, context, await SegmentSpool.open(request.spool.folder));
  }

  get leaseFolder(): string {
    return this.#request.leaseFolder;
  }

  async repository(): Promise<Repository> {
    return (await this.#connected()).repository;
  }

  async checkLease(): Promise<void> {
    const { lease } = await this.#connected();
    await lease.check();
    this.#lookedAt = this.#context.clock.now();
  }

  stagingFolder(): Promise<string> {
    return this.#spool.newStaging();
  }

  get waiting(): { readonly segments: number; readonly bytes: number } {
    const { segments, bytes } = this.#spool;
    return { segments, bytes };
  }

  get isFull(): boolean {
    return this.#refusedBytes > 0 && !this.#hasRoomFor(this.#refusedBytes);
  }

  /** The server is asked where it can be; otherwise what is noted here counts, and is checked before anything is sent. */
  async end(): Promise<ArchiveEnd | undefined> {
    try {
      return await this.#verifiedEnd(await this.#soon());
    } catch (error) {
      const { end } = this.#spool;
      if (!isPassing(error) || end === undefined) throw error;
      this.#tell(error);
      return end;
    } finally {
      this.#send();
    }
  }

  async begin(epoch: string, base: string): Promise<void> {
    await this.#spool.noteEpoch(epoch, base);
    this.#verified = true;
  }

  /** A segment that is larger than the whole spool is taken when nothing else waits: it is on this disk already. */
  async add(segment: WaitingSegment): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    // The archive has a break before it: what follows is taken up by the epoch behind the gap.
    if (this.#break !== undefined) return rm(segment.file, { force: true });
    if (!this.#hasRoomFor(segment.sizeBytes)) {
      this.#refusedBytes = segment.sizeBytes;
      const { segments, bytes } = this.#spool;
      const held = `${segments} segments, ${formatByteSize(bytes)} of ${formatByteSize(this.#request.spool.maxBytes)}`;
      const reason = this.#problem === undefined ? '' : `; ${this.#problem}`;
      throw new TradedbError('disk_full', `the spool of the archive is full (${held})${reason}`, {
        hint: 'bring the server back, or raise backup.archive.spoolMax',
      });
    }
    this.#refusedBytes = 0;
    await this.#spool.add(segment);
    this.#send();
  }

  takeBreak(): string | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const reason = this.#break;
    this.#break = undefined;
    return reason;
  }

  async drain(): Promise<void> {
    this.#ending = true;
    this.#hurry.abort();
    this.#send();
    for (let left = this.#spool.segments; this.#sending !== undefined; left = this.#spool.segments) {
      await Promise.race([this.#sending, this.#context.clock.sleep(lastWaitMs, this.#stop.signal)]);
      if (this.#spool.segments === left) return;
    }
  }

  /** What was not sent stays in the spool for the next run. */
  async close(): Promise<void> {
    this.#ending = true;
    this.#hurry.abort();
    this.#stop.abort();
    await this.#spool.removeStaging();
  }

  async #connected(): Promise<LeasedRepository> {
    this.#place ??= this.#request.connect();
    try {
      return await this.#place;
    } catch (error) {
      this.#place = undefined;
      throw error;
    }
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#spool.segments === 0 || this.#spool.bytes + bytes <= this.#request.spool.maxBytes;
  }

  #send(): void {
    if (this.#sending !== undefined || this.#failure !== undefined || this.#spool.first === undefined) return;
    this.#sending = this.#sendAll()
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#sending = undefined;
        if (!this.#ending) this.#send();
      });
  }

  async #sendAll(): Promise<void> {
    let pauseMs = firstPauseMs;
    while (this.#spool.first !== undefined && !this.#stop.signal.aborted) {
      try {
        await this.#sendFirst();
        pauseMs = firstPauseMs;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#verified = false;
        this.#tell(error);
        if (this.#ending) return;
        await this.#context.clock.sleep(pauseMs, this.#hurry.signal).catch(() => {});
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      }
    }
  }

  async #sendFirst(): Promise<void> {
    const repository = await this.repository();
    if (!this.#verified || this.#context.clock.now() - this.#lookedAt >= leaseEveryMs) await this.checkLease();
    if (!this.#verified) {
      const epochs = await readEpochs(repository, this.#request.databaseId);
      await this.#verify(repository, epochs.at(-1));
    }
    const segment = this.#spool.first;
    if (segment === undefined) return;
    await this.#spool.noteFirst();
    await repository.storage.adopt(segmentKey(this.#request.databaseId, segment.epoch, segment), segment.file);
    await this.#spool.removeFirst();
    this.#problem = undefined;
    this.#request.onEvent(durable(segment));
  }

  /** With a place to go on from, a server that does not answer is not waited for: commits want to be recorded. */
  #soon(): Promise<Repository> {
    if (this.#spool.end === undefined) return this.repository();
    const late = async (): Promise<never> => {
      await this.#context.clock.sleep(connectMs, this.#stop.signal);
      throw new TradedbError('storage_unavailable', 'the server of the repository does not answer');
    };
    return Promise.race([this.repository(), late()]);
  }

  async #verifiedEnd(repository: Repository): Promise<ArchiveEnd | undefined> {
    const { databaseId } = this.#request;
    const epoch = (await readEpochs(repository, databaseId)).at(-1);
    await this.#verify(repository, epoch);
    const here = this.#spool.end;
    if (epoch !== undefined && here?.epoch === epoch.id && (await this.#isNewest(repository, here, epoch))) {
      return { ...here, base: epoch.base.pointId };
    }
    const stored = await storedEnd(repository, databaseId, epoch);
    if (stored !== undefined) await this.#spool.noteEnd(stored);
    return stored;
  }

  async #isNewest(repository: Repository, here: ArchiveEnd, { segments }: Epoch): Promise<boolean> {
    if (this.#spool.segments > 0) return true;
    const last = segments.at(-1);
    if (last !== undefined && here.tx <= last.lastTx) return here.digest === (last.merged ?? last.digest);
    // A listing may lag behind: then the segment is there under its name.
    return this.#holds(repository, here);
  }

  /**
   * After a start or an outage: what waits has to go on where the repository ends. The answer to an upload may have been
   * lost, and another archiver may have been at work meanwhile.
   */
  async #verify(repository: Repository, epoch: Epoch | undefined): Promise<void> {
    const stored = new Set(epoch?.segments.map(({ digest }) => digest));
    for (let { first } = this.#spool; first !== undefined && stored.has(first.digest); first = this.#spool.first) {
      await this.#spool.noteFirst();
      await this.#spool.removeFirst();
      this.#request.onEvent(durable(first));
    }
    const { first } = this.#spool;
    if (first !== undefined && !(await this.#goesOn(repository, first, epoch))) {
      await this.#spool.putAside();
      this.#break = 'what waited for the server does not follow from what is archived there';
    }
    this.#verified = true;
  }

  async #goesOn(repository: Repository, first: WaitingSegment, epoch: Epoch | undefined): Promise<boolean> {
    if (epoch === undefined || epoch.id !== first.epoch) return false;
    const last = epoch.segments.at(-1);
    if (first.previous === (last?.merged ?? last?.digest ?? null)) return true;
    const { sentEnd } = this.#spool;
    if (sentEnd?.epoch !== epoch.id || sentEnd.digest !== first.previous) return false;
    return sentEnd.tx > (last?.lastTx ?? 0) && (await this.#holds(repository, sentEnd));
  }

  async #holds(repository: Repository, { epoch, firstTx, tx, digest }: ArchiveEnd): Promise<boolean> {
    const key = segmentKey(this.#request.databaseId, epoch, { firstTx, lastTx: tx, digest });
    try {
      await repository.storage.read(key, { offset: 0, length: 1 });
      return true;
    } catch (error) {
      if (error instanceof TradedbError && error.code === 'file_not_found') return false;
      throw error;
    }
  }

  #tell(error: TradedbError): void {
    if (this.#problem === error.message) return;
    this.#problem = error.message;
    this.#request.onEvent({ event: 'unreachable', message: error.message });
  }
}

export function isPassing(error: unknown): error is TradedbError {
  return error instanceof TradedbError && passing.has(error.code);
}
