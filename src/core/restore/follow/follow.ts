import { existsSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ArchivedSegment } from '../../backup/wal-archive/chain.ts';
import { type Epoch, readEpochs } from '../../backup/wal-archive/epoch.ts';
import { brokenArchive } from '../../backup/wal-archive/segment-frames.ts';
import { readPages, type WantedCommits } from '../../backup/wal-archive/segment-reading.ts';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { acquireLease, databaseLeaseFolder, databaseLeaseName } from '../../lease.ts';
import { realTarget, refusePendingRestore } from '../pending.ts';
import type { FollowLimit, FollowRequest } from './follow-request.ts';
import { rebase, startStandby } from './standby-base.ts';
import { originalHeader, standbyCounter } from './standby-header.ts';
import { readState, removeState, type StandbyPlace, type StandbyState, writeState } from './standby-state.ts';
import { type Batch, originalPage, StandbyWriter } from './standby-writer.ts';

export interface FollowTotals {
  epoch: string;
  appliedTx: number;
  /** When the last applied commit was seen; milliseconds since 1970 UTC. */
  appliedTime: number;
  batches: number;
  commits: number;
  pages: number;
  gaps: number;
  /** Age of the oldest archived commit that is not applied; 0 when all are. */
  lagMs: number;
  maxLagMs: number;
  promoted: boolean;
  /** The limit was reached. */
  reached: boolean;
}

/** Segments of one batch together; one larger segment makes a larger batch. */
const batchBytes = 32 * 1024 * 1024;
/** Readers of the standby are waited for so long before the batch is tried again. */
const lockWaitMs = 2000;
/** Readers are waited for so long before a promotion gives up. */
const promotionWaitMs = 30_000;

/** Keeps a copy of the database up with the archive, readable for others all the time. */
export async function follow(request: FollowRequest, context: OperationContext): Promise<FollowTotals> {
  const target = realTarget(request.target);
  refusePendingRestore(target);
  const lease = acquireLease(
    {
      directory: databaseLeaseFolder(request.stateDirectory),
      name: databaseLeaseName(target),
      purpose: 'restore follow',
      owner: request.owner,
    },
    context,
  );
  try {
    const follower = await Follower.open({ ...request, target }, context);
    try {
      await follower.run();
      return follower.totals;
    } finally {
      await follower.close();
    }
  } finally {
    lease.release();
  }
}

/** What became of one look at the archive: a batch was applied, nothing was left, or readers were in the way. */
type StepOutcome = 'applied' | 'nothing' | 'blocked';

class Follower {
  readonly totals: FollowTotals;
  readonly #request: FollowRequest;
  readonly #context: OperationContext;
  readonly #writer: StandbyWriter;
  #state: StandbyState;
  #warned = false;
  /** A promotion was interrupted behind its last write. */
  #isOrdinary = false;

  private constructor(request: FollowRequest, context: OperationContext, writer: StandbyWriter, state: StandbyState) {
    this.#request = request;
    this.#context = context;
    this.#writer = writer;
    this.#state = state;
    const { epoch, tx, notAfter } = state.current;
    this.totals = {
      epoch,
      appliedTx: tx,
      appliedTime: notAfter,
      batches: 0,
      commits: 0,
      pages: 0,
      gaps: 0,
      lagMs: 0,
      maxLagMs: 0,
      promoted: false,
      reached: false,
    };
  }

  static async open(request: FollowRequest, context: OperationContext): Promise<Follower> {
    await removeLeftovers(request.target);
    let state = await readState(request.target);
    if (state !== undefined && !existsSync(request.target)) state = undefined;
    if (state === undefined) {
      if (existsSync(request.target)) {
        throw new TradedbError('database_exists', `${JSON.stringify(request.target)} is there and no standby of ours`, {
          hint: 'give a new file: a standby is made by restore follow itself',
        });
      }
      state = await startStandby(request, context);
    } else if (state.databaseId !== request.databaseId) {
      throw new TradedbError('usage', `${JSON.stringify(request.target)} is the standby of another database`, {
        hint: `it follows ${state.databaseId}`,
      });
    }
    const writer = await StandbyWriter.open(request.target, state.pageSizeBytes, context);
    try {
      const { page, ...place } = await settled(writer, state);
      const follower = new Follower(request, context, writer, place.state);
      follower.#isOrdinary = originalHeader(page) === place.state.current.original;
      if (!follower.#isOrdinary) requireOurs(page, place.state.current.counter, request.target);
      else if (!request.promote) throw wasPromoted(request.target);
      request.onEvent({ event: 'started', epoch: follower.totals.epoch, tx: follower.totals.appliedTx });
      return follower;
    } catch (error) {
      await writer.stop();
      throw error;
    }
  }

  async run(): Promise<void> {
    const { clock, signal } = this.#context;
    const { forMs, pollMs, promote } = this.#request;
    const end = forMs === null ? Number.POSITIVE_INFINITY : clock.now() + forMs;
    let blockedSince: number | undefined;
    while (!signal.aborted && !this.#isOrdinary) {
      const outcome = await this.#step();
      if (this.totals.reached || (promote && outcome === 'nothing')) break;
      // A promotion leaves nothing out, however long that takes: readers in the way are waited for, or nothing happens.
      if (promote) blockedSince = this.#patience(outcome, blockedSince);
      if (!promote && clock.now() >= end) break;
      if (outcome !== 'applied')
        await clock.sleep(Math.min(pollMs, Math.max(1, end - clock.now())), signal).catch(() => {});
    }
    if (promote && !signal.aborted) await this.#promote();
  }

  close(): Promise<void> {
    return this.#writer.stop();
  }

  /** Since when readers are in the way of a promotion; throws when that has been too long. */
  #patience(outcome: StepOutcome, since: number | undefined): number | undefined {
    if (outcome !== 'blocked') return undefined;
    const now = this.#context.clock.now();
    if (since !== undefined && now - since > promotionWaitMs) throw heldByReaders(this.#request.target);
    return since ?? now;
  }

  async #step(): Promise<StepOutcome> {
    const { repository, databaseId } = this.#request;
    const epochs = await readEpochs(repository, databaseId);
    const index = epochs.findIndex((epoch) => epoch.id === this.#state.current.epoch);
    const epoch = epochs[index];
    if (epoch === undefined) {
      throw new TradedbError(
        'backup_not_found',
        `the epoch ${this.#state.current.epoch} of the standby is not in the archive any more`,
        {
          hint: 'remove the standby, and let restore follow make it anew',
        },
      );
    }
    const { limit } = this.#request;
    if (limit?.kind === 'tx' && limit.epoch === epoch.id && this.#state.current.tx >= limit.tx) {
      this.totals.reached = true;
      return 'nothing';
    }
    const pending = epoch.segments.filter((segment) => segment.lastTx > this.#state.current.tx);
    if (pending.length > 0) return this.#applyNext(epoch, pending);
    const next = epochs[index + 1];
    if (next !== undefined) return this.#enter(next);
    this.#noteLag(0, '');
    return 'nothing';
  }

  async #applyNext(epoch: Epoch, pending: readonly ArchivedSegment[]): Promise<StepOutcome> {
    const batch = await this.#read(epoch, pending);
    if (batch === undefined) {
      this.totals.reached = true;
      return 'nothing';
    }
    const { place, pages, pagesAfter, oldest } = batch;
    const done = await this.#write(place, { pages, pagesAfter });
    const lagMs = this.#context.clock.wallTime() - (done ? place.notAfter : oldest);
    this.#noteLag(Math.max(0, lagMs), done ? 'it is catching up' : 'readers of the standby hold it');
    if (!done) return 'blocked';
    const commits = place.tx - this.totals.appliedTx;
    this.#count(place, commits, pages.size);
    this.#request.onEvent({ event: 'applied', epoch: epoch.id, tx: place.tx, commits, pages: pages.size });
    return 'applied';
  }

  /** The newest version of every page in the next segments; undefined when the limit lies before the next commit. */
  async #read(epoch: Epoch, pending: readonly ArchivedSegment[]) {
    const { repository, databaseId } = this.#request;
    const place = { databaseId, epoch: epoch.id };
    const pages = new Map<number, Uint8Array>();
    let { tx } = this.#state.current;
    let pagesAfter = 0;
    let notAfter = 0;
    let oldest = 0;
    let bytes = 0;
    for (const segment of pending) {
      if (bytes > 0 && bytes + segment.sizeBytes > batchBytes) break;
      bytes += segment.sizeBytes;
      const wanted = { after: tx, ...within(this.#request.limit, epoch) };
      const { pageSizeBytes, newest, first, last } = await readPages(repository, place, segment, wanted);
      if (pageSizeBytes !== this.#state.pageSizeBytes) throw brokenArchive('the size of the pages changed');
      if (last === undefined) break;
      for (const [page, data] of newest) pages.set(page, data);
      oldest ||= first?.notAfter ?? 0;
      tx = last.tx;
      pagesAfter = last.pages;
      notAfter = last.notAfter;
      if (tx < segment.lastTx) break;
    }
    if (pages.size === 0) return undefined;
    return { place: { epoch: epoch.id, tx, notAfter }, pages, pagesAfter, oldest };
  }

  async #enter(epoch: Epoch): Promise<StepOutcome> {
    const { pageSizeBytes } = this.#state;
    const base = await rebase(
      { ...this.#request, epoch, pageSizeBytes, original: this.#state.current.original },
      this.#context,
    );
    const place = { epoch: epoch.id, tx: epoch.base.tx, notAfter: base.notAfter };
    if (!(await this.#write(place, base))) return 'blocked';
    this.totals.gaps += 1;
    this.#count(place, 0, base.pages.size);
    this.#request.onEvent({ event: 'gap', epoch: epoch.id, reason: epoch.reason, pages: base.pages.size });
    return 'applied';
  }

  async #write(
    place: Pick<StandbyPlace, 'epoch' | 'tx' | 'notAfter'>,
    batch: Pick<Batch, 'pages' | 'pagesAfter'>,
  ): Promise<boolean> {
    const page = await this.#writer.lock(lockWaitMs);
    if (page === undefined) return false;
    requireOurs(page, this.#state.current.counter, this.#request.target);
    const { current } = this.#state;
    const first = batch.pages.get(1) ?? originalPage(page, current.original);
    const next = { ...place, counter: (current.counter + 1) >>> 0, original: originalHeader(first) };
    await writeState(this.#request.target, { ...this.#state, next });
    const pages = new Map(batch.pages).set(1, first);
    await this.#writer.apply({ pages, pagesAfter: batch.pagesAfter, counter: next.counter });
    this.#state = { ...this.#state, current: next, next: null };
    await writeState(this.#request.target, this.#state);
    return true;
  }

  async #promote(): Promise<void> {
    const { target, onEvent } = this.#request;
    if (!this.#isOrdinary) await this.#makeOrdinary(target);
    await removeState(target);
    this.totals.promoted = true;
    onEvent({ event: 'promoted', epoch: this.totals.epoch, tx: this.totals.appliedTx });
  }

  async #makeOrdinary(target: string): Promise<void> {
    const page = await this.#writer.lock(lockWaitMs);
    if (page === undefined) throw heldByReaders(target);
    requireOurs(page, this.#state.current.counter, target);
    const first = originalPage(page, this.#state.current.original);
    const pagesAfter = await pagesOf(target, this.#state.pageSizeBytes);
    await this.#writer.apply({ pages: new Map([[1, first]]), pagesAfter, counter: null });
  }

  #count(place: Pick<StandbyPlace, 'epoch' | 'tx' | 'notAfter'>, commits: number, pages: number): void {
    this.totals.epoch = place.epoch;
    this.totals.appliedTx = place.tx;
    this.totals.appliedTime = place.notAfter;
    this.totals.batches += 1;
    this.totals.commits += commits;
    this.totals.pages += pages;
  }

  #noteLag(lagMs: number, reason: string): void {
    this.totals.lagMs = lagMs;
    this.totals.maxLagMs = Math.max(this.totals.maxLagMs, lagMs);
    const late = lagMs > this.#request.lagWarningMs;
    if (late && !this.#warned) this.#request.onEvent({ event: 'lag', lagMs, reason });
    this.#warned = late;
  }
}

function heldByReaders(target: string): TradedbError {
  return new TradedbError('restore_target_in_use', `readers hold the standby ${JSON.stringify(target)}`, {
    hint: 'end them and promote again; it is still a standby, with every commit it had',
  });
}

/** Commits that the limit allows. */
function within(limit: FollowLimit | null, epoch: Epoch): Omit<WantedCommits, 'after'> {
  if (limit?.kind === 'time') return { upTo: Number.POSITIVE_INFINITY, notAfter: limit.time };
  return { upTo: limit?.epoch === epoch.id ? limit.tx : Number.POSITIVE_INFINITY };
}

/** What a crash has left is decided: the counter in the file says which of the two places it holds. */
async function settled(writer: StandbyWriter, state: StandbyState): Promise<{ page: Uint8Array; state: StandbyState }> {
  const page = await writer.first();
  const { current, next } = state;
  const isNext = next !== null && standbyCounter(page) === next.counter;
  return { page, state: { ...state, current: isNext ? next : current, next: null } };
}

function wasPromoted(target: string): TradedbError {
  return new TradedbError(
    'database_replaced',
    `the promotion of ${JSON.stringify(target)} was interrupted at its end`,
    {
      hint: 'finish it with: tradedb restore follow --promote',
    },
  );
}

function requireOurs(page: Uint8Array, counter: number, target: string): void {
  if (standbyCounter(page) === counter) return;
  throw new TradedbError('database_replaced', `${JSON.stringify(target)} was written by somebody else`, {
    hint: 'a standby is for reading: remove it, and let restore follow make it anew',
  });
}

async function pagesOf(path: string, pageSizeBytes: number): Promise<number> {
  return (await stat(path)).size / pageSizeBytes;
}

/** Unfinished files of a run that was killed; the lease says that none is at work. */
async function removeLeftovers(target: string): Promise<void> {
  const prefix = `${basename(target)}.follow-`;
  for (const name of await readdir(dirname(target)).catch(() => [])) {
    if (name.startsWith(prefix)) await rm(join(dirname(target), name), { force: true });
  }
}
