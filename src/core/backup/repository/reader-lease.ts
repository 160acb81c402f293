import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { identifyProcess, isHeldHere, type LeaseOwner, type ProcessIdentity } from '../../lease.ts';
import { readIfThere } from '../../storage/read-if-there.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Repository } from './repository.ts';
import type { LeaseTimes } from './repository-lease.ts';

/**
 * Says what somebody reads, so that prune leaves it alone. A reader writes its lease and looks at the tombstones then;
 * prune writes the tombstone of a deletion and looks at the leases then: at least one of the two sees the other.
 */

/** Commits of one epoch, both ends included. */
export interface CommitRange {
  readonly epoch: string;
  readonly fromTx: number;
  readonly toTx: number;
}

export interface ReadObjects {
  readonly points: readonly string[];
  readonly commits: readonly CommitRange[];
  /** Whatever there is of the database. */
  readonly everything?: boolean;
}

interface ReaderRecord extends ReadObjects, ProcessIdentity {
  readonly purpose: string;
  readonly since: string;
  readonly expiryMs: number;
}

export interface ReadingRequest {
  readonly repository: Repository;
  readonly databaseId: string;
  readonly purpose: string;
  /** What is read now; asked again whenever the lease is renewed. */
  readonly reads: () => ReadObjects;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes | undefined;
}

export interface Reading {
  /** Writes down at once what is read now. */
  renew(): Promise<void>;
  release(): Promise<void>;
}

const defaultExpiryMs = 120_000;

/**
 * Takes a lease for reading. Where the storage cannot be written, there is none: the grace time of prune is what is left,
 * and a damaged state is never restored, because everything is verified while it is read.
 */
export async function holdForReading(request: ReadingRequest, context: OperationContext): Promise<Reading> {
  const { storage } = request.repository;
  const key = `${prefixOf(request.databaseId)}${Buffer.from(context.random.bytes(8)).toString('hex')}.json`;
  const expiryMs = request.leases?.expiry ?? defaultExpiryMs;
  const fixed = {
    ...identifyProcess(request.owner),
    purpose: request.purpose,
    since: new Date(context.clock.wallTime()).toISOString(),
    expiryMs,
  };
  let cancel = (): void => {};
  let released = false;
  const write = async (): Promise<void> => {
    const record: ReaderRecord = { ...fixed, ...request.reads() };
    await storage.write(key, Buffer.from(JSON.stringify(record)));
    if (released) await storage.delete(key);
  };
  const renewLater = (): void => {
    cancel = context.clock.after(expiryMs / 3, () => {
      // A renewal that fails is tried again by the next one; the lease lives through two of them.
      void write()
        .catch(() => {})
        .then(() => (released ? undefined : renewLater()));
    });
  };
  try {
    await write();
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    context.log.warn('the repository takes no lease: a prune at the same time is kept off by its grace time alone', {
      message: error.message,
    });
    return { renew: async () => {}, release: async () => {} };
  }
  renewLater();
  return {
    renew: () => write().catch(() => {}),
    async release() {
      released = true;
      cancel();
      // Where that fails, the lease runs out by itself.
      await storage.delete(key).catch(() => {});
    },
  };
}

/** Runs `work` under a lease for reading. */
export async function whileReading<T>(
  request: ReadingRequest,
  context: OperationContext,
  work: () => Promise<T>,
): Promise<T> {
  const reading = await holdForReading(request, context);
  try {
    return await work();
  } finally {
    await reading.release();
  }
}

/** What the valid leases of a database cover. */
export class ReadersAtWork {
  readonly #records: readonly ReaderRecord[];

  private constructor(records: readonly ReaderRecord[]) {
    this.#records = records;
  }

  /** `now` is the time of the storage. Leases that have run out are removed, unless only a look was meant. */
  static async read(
    storage: Storage,
    databaseId: string,
    { now, remove }: { now: number; remove: boolean },
  ): Promise<ReadersAtWork> {
    const records: ReaderRecord[] = [];
    for await (const { key, modifiedMs } of storage.list('leases')) {
      if (!key.startsWith(prefixOf(databaseId)) || !key.endsWith('.json')) continue;
      const record = await readRecord(storage, key);
      if (record === undefined) continue;
      // A process of another namespace cannot be seen from here, so that only time ends a lease.
      if (modifiedMs + record.expiryMs >= now || isHeldHere(record) === true) records.push(record);
      else if (remove) await storage.delete(key);
    }
    return new ReadersAtWork(records);
  }

  /** Who reads that point; undefined: nobody. */
  ofPoint(id: string): string | undefined {
    return this.#purpose((record) => record.points.includes(id));
  }

  ofEpoch(epoch: string): string | undefined {
    return this.ofCommits({ epoch, fromTx: 0, toTx: Number.POSITIVE_INFINITY });
  }

  ofCommits({ epoch, fromTx, toTx }: CommitRange): string | undefined {
    return this.#purpose(({ commits }) =>
      commits.some((range) => range.epoch === epoch && range.fromTx <= toTx && fromTx <= range.toTx),
    );
  }

  #purpose(reads: (record: ReaderRecord) => boolean): string | undefined {
    const found = this.#records.find((record) => record.everything === true || reads(record));
    return found === undefined ? undefined : `${found.purpose} reads it (pid ${found.pid} on ${found.hostname})`;
  }
}

function prefixOf(databaseId: string): string {
  return `leases/${databaseId}.reader-`;
}

/** Undefined when it was given back meanwhile. A lease that cannot be understood covers everything. */
async function readRecord(storage: Storage, key: string): Promise<ReaderRecord | undefined> {
  const bytes = await readIfThere(storage, key);
  if (bytes === undefined) return undefined;
  try {
    return { ...unknownReader, ...(JSON.parse(Buffer.from(bytes).toString('utf8')) as ReaderRecord) };
  } catch {
    return { ...unknownReader, everything: true };
  }
}

const unknownReader: ReaderRecord = {
  pid: 0,
  hostname: '',
  bootId: null,
  processStart: null,
  purpose: 'somebody',
  since: '',
  expiryMs: defaultExpiryMs,
  points: [],
  commits: [],
};

/** The time by the clock of the storage: that of an object that was just written. */
export async function timeOf(storage: Storage, { random }: Pick<OperationContext, 'random'>): Promise<number> {
  const key = `leases/time-${Buffer.from(random.bytes(8)).toString('hex')}`;
  await storage.write(key, Buffer.from('x'));
  try {
    for await (const object of storage.list('leases')) if (object.key === key) return object.modifiedMs;
  } finally {
    await storage.delete(key);
  }
  throw new TradedbError('io_error', 'an object is not in the repository after it was written');
}
