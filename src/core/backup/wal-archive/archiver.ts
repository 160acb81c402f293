import { realpathSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import type { Repository } from '../repository/repository.ts';
import type { ArchiveRequest, ArchiveTotals } from './archive-request.ts';
import { type EpochRecord, readEpochs, writeEpoch } from './epoch.ts';
import { Pins } from './pins.ts';
import { RecorderProcess } from './recorder-process.ts';
import { endOf } from './segment-reading.ts';
import type { FinishedSegment } from './segment-writer.ts';
import { isPassing } from './spooled-store.ts';
import type { TailResult } from './wal-tail-recorder.ts';

interface DurablePlace {
  readonly position: WalPosition | null;
  readonly tx: number;
  readonly previous: string | null;
  /** When its last commit was seen; 0 at the start of an epoch. */
  readonly notAfter: number;
}

const baseTries = 5;
/** A busy writer leaves the lock free for moments only; waiting longer for one holds up the recording. */
const lockTriesMs = 100;
/** Looks at a WAL in motion until the wal-index and the file agree; one look takes about a millisecond. */
const tailTries = 5000;

/**
 * Copies every commit of a live WAL database into the archive, beside foreign writers. The invariant: at every moment
 * one pin is held whose snapshot is at or before what is archived and durable.
 */
export class Archiver {
  readonly totals: ArchiveTotals = {
    epoch: '',
    tx: 0,
    commits: 0,
    frames: 0,
    resets: 0,
    gaps: [],
    segments: 0,
    bytesArchived: 0,
    walMaxBytes: 0,
    writeLock: { count: 0, totalMs: 0, maxMs: 0 },
  };
  readonly #request: ArchiveRequest;
  readonly #context: OperationContext;
  readonly #pins: Pins;
  readonly #waiting: FinishedSegment[] = [];
  #recorder: RecorderProcess;
  /** Where a new recorder goes on: behind the last segment that is durable. */
  #durable: DurablePlace = { position: null, tx: 0, previous: null, notAfter: 0 };
  #sessionFrames = 0;
  #sessionResets = 0;
  /** The pin was taken while everything was in the database file: it does not keep the WAL from beginning anew. */
  #pinIsOnFile = false;
  /** The WAL as it was seen the last time. */
  #look: Pick<TailResult, 'walFrames' | 'backfilledFrames'> | undefined;
  /** Why there was no room the last time, and the WAL when that began. */
  #full: { readonly error: TradedbError; readonly walBytes: number } | undefined;
  #paused: { readonly reason: string; readonly from: string } | undefined;
  /** Why the epoch before ended, until the next one has begun. */
  #gapReason: string | undefined;

  private constructor(request: ArchiveRequest, context: OperationContext) {
    this.#request = request;
    this.#context = context;
    this.#pins = new Pins(request.database, context, request.busyTimeoutMs);
    this.#recorder = new RecorderProcess(request.database, context.clock);
  }

  /** Pins the database and goes on where the archive ends, or begins a new epoch with a base. */
  static async open(request: ArchiveRequest, context: OperationContext): Promise<Archiver> {
    const archiver = new Archiver(request, context);
    try {
      archiver.#pins.pinNew();
      await archiver.#begin();
      return archiver;
    } catch (error) {
      await archiver.close();
      throw error;
    }
  }

  /** Looks once. `publish` ends the open segment, makes it durable and moves the pin. */
  async step(publish: boolean): Promise<TailResult | undefined> {
    const { store } = this.#request;
    const broken = store.takeBreak();
    if (broken !== undefined) await this.#pause(broken);
    if (this.#paused !== undefined) return this.#resume();
    if (store.isFull) return this.#requireWalBounded();
    try {
      const result = publish ? await this.#handOff() : await this.#tail();
      if (result !== undefined) this.#count(result);
      return result;
    } catch (error) {
      this.#pins.dropNew();
      if (!(error instanceof TradedbError) || error.code !== 'disk_full') throw error;
      return this.#whileFull(error);
    }
  }

  /** Why nothing is recorded at the moment, and since when (ISO 8601). */
  get pausedSince(): { readonly reason: string; readonly from: string } | undefined {
    return this.#paused;
  }

  /** Lets the WAL begin anew: copies it into the database, then pins the copy. Writers wait only when all else failed. */
  async checkpoint(walFrames: number): Promise<void> {
    if (await this.#checkpointOnce()) {
      this.#request.onEvent({ event: 'checkpoint', frames: walFrames, writersOut: false });
      return;
    }
    if (walFrames <= 1.6 * this.#request.checkpointFrames || this.#paused !== undefined) return;
    // What the writers wait for is what is left to record: as little as possible.
    await this.step(true);
    if (!this.#pins.keepWritersOut(lockTriesMs)) return;
    const started = this.#context.clock.now();
    try {
      await this.#checkpointOnce();
    } finally {
      this.#pins.letWritersIn();
      const ms = this.#context.clock.now() - started;
      const lock = this.totals.writeLock;
      lock.count += 1;
      lock.totalMs += ms;
      lock.maxMs = Math.max(lock.maxMs, ms);
    }
    this.#request.onEvent({ event: 'checkpoint', frames: walFrames, writersOut: true });
  }

  /** Gives up the connections; what was recorded and not published is found again by the next start. */
  async close(): Promise<void> {
    this.#request.onRecording(false);
    this.#pins.close();
    await this.#recorder.stop();
  }

  async #checkpointOnce(): Promise<boolean> {
    if ((await this.step(true)) === undefined) return false;
    if (!this.#pins.checkpoint()) return false;
    if (this.#look !== undefined) this.#look = { ...this.#look, backfilledFrames: this.#look.walFrames };
    await this.step(true);
    return true;
  }

  /** The invariant's one way to move the pin: new snapshot, everything up to it recorded and durable, old one gone. */
  async #handOff(): Promise<TailResult | undefined> {
    const before = this.#look;
    this.#pins.pinNew();
    const result = await this.#tail();
    if (result === undefined) return undefined;
    await this.#publish();
    this.#pins.releaseOld();
    // Somebody may have copied the rest while the pin was taken: what counts is that nothing was left before.
    this.#pinIsOnFile = before?.backfilledFrames === result.walFrames && result.backfilledFrames === result.walFrames;
    return result;
  }

  /**
   * Everything is in the database file, but the pin keeps the WAL from beginning anew: somebody may be waiting for that
   * in a RESTART or TRUNCATE checkpoint, with all writers behind him.
   */
  isInTheWay(result: TailResult): boolean {
    return result.walFrames > 0 && result.backfilledFrames === result.walFrames && !this.#pinIsOnFile;
  }

  /** Records up to the newest commit. Undefined: there was a gap, and a new epoch has begun. */
  async #tail(): Promise<TailResult | undefined> {
    let commits = 0;
    for (let tries = 0; tries < tailTries; tries++) {
      const answer = await this.#recorder.tail();
      if ('gap' in answer) {
        this.#pins.dropNew();
        await this.#newEpoch(answer.gap);
        return undefined;
      }
      commits += answer.value.commits;
      this.#look = answer.value;
      if (answer.value.caughtUp) return { ...answer.value, commits };
      await this.#context.clock.sleep(1);
    }
    throw new TradedbError('io_error', `the WAL of ${JSON.stringify(this.#request.database)} cannot be followed`);
  }

  async #publish(): Promise<void> {
    this.#waiting.push(...(await this.#recorder.flush()));
    for (let segment = this.#waiting[0]; segment !== undefined; segment = this.#waiting[0]) {
      await this.#request.store.add({ ...segment, epoch: this.totals.epoch });
      this.#waiting.shift();
      this.#full = undefined;
      const { end: position, lastTx: tx, digest: previous, lastNotAfter: notAfter } = segment;
      this.#durable = { position, tx, previous, notAfter };
      this.totals.tx = segment.lastTx;
      this.totals.segments += 1;
      this.totals.bytesArchived += segment.sizeBytes;
      const { firstTx, lastTx, sizeBytes } = segment;
      this.#request.onEvent({ event: 'segment', firstTx, lastTx, sizeBytes });
    }
  }

  #count(result: TailResult): void {
    this.totals.commits += result.commits;
    this.totals.frames += result.frames - this.#sessionFrames;
    this.totals.resets += result.resets - this.#sessionResets;
    this.#sessionFrames = result.frames;
    this.#sessionResets = result.resets;
    this.totals.walMaxBytes = Math.max(this.totals.walMaxBytes, result.walBytes);
  }

  /** The pin is kept, so that nothing is lost; a new recorder goes on behind what is durable. */
  async #whileFull(error: TradedbError): Promise<undefined> {
    this.#full = { error, walBytes: this.#full?.walBytes ?? this.#walBytes() };
    this.#request.onEvent({ event: 'spool_full', message: error.message });
    await this.#requireWalBounded();
    if (this.#paused === undefined) await this.#restart();
    await this.#context.clock.sleep(1000, this.#context.signal).catch(() => {});
    return undefined;
  }

  /**
   * The application goes first: a WAL that grows too large because of the pin is let go, with a gap. One that was larger
   * before takes no more disk as long as it does not grow.
   */
  async #requireWalBounded(): Promise<undefined> {
    if (this.#full === undefined) return;
    const { error, walBytes } = this.#full;
    if (this.#walBytes() <= Math.max(this.#request.maxWalBytes, walBytes)) return;
    if (!this.#request.store.outlivesOutage) throw error;
    await this.#pause(error.message);
  }

  #walBytes(): number {
    return statSync(`${realpathSync(this.#request.database)}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  async #pause(reason: string): Promise<void> {
    this.#request.onRecording(false);
    this.#pins.releaseAll();
    await this.#recorder.stop();
    this.#waiting.length = 0;
    const from = new Date(this.#durable.notAfter || this.#context.clock.wallTime()).toISOString();
    this.#paused = { reason, from };
    this.#full = undefined;
    this.#request.onEvent({ event: 'paused', reason });
  }

  /** Goes on when everything before the gap has arrived: an epoch needs a base, and that needs the repository. */
  async #resume(): Promise<undefined> {
    const { store } = this.#request;
    const paused = this.#paused;
    if (paused === undefined || store.waiting.segments > 0) return undefined;
    try {
      await store.repository();
      this.#gapReason = paused.reason;
      this.#paused = undefined;
      this.#pins.pinNew();
      await this.#begin();
    } catch (error) {
      this.#pins.releaseAll();
      this.#paused = paused;
      if (!isPassing(error)) throw error;
      await this.#context.clock.sleep(1000, this.#context.signal).catch(() => {});
    }
    return undefined;
  }

  async #restart(): Promise<void> {
    await this.#recorder.stop();
    for (const segment of this.#waiting) await rm(segment.file, { force: true });
    this.#waiting.length = 0;
    this.#recorder = new RecorderProcess(this.#request.database, this.#context.clock);
    const answer = await this.#startRecorder(this.totals.epoch, this.#durable, true);
    if ('gap' in answer) await this.#newEpoch(answer.gap);
  }

  async #startRecorder(epoch: string, from: DurablePlace, isPinned = false) {
    this.#sessionFrames = 0;
    this.#sessionResets = 0;
    return this.#recorder.start({
      stagingFolder: await this.#request.store.stagingFolder(),
      epoch,
      ...from,
      segmentBytes: this.#request.segmentBytes,
      isPinned,
    });
  }

  async #begin(): Promise<void> {
    const end = await this.#request.store.end();
    if (end === undefined) {
      await this.#newEpoch('the archive begins');
      return;
    }
    const from = { position: end.position, tx: end.tx, previous: end.digest, notAfter: end.notAfter };
    await this.#recorder.stop();
    this.#recorder = new RecorderProcess(this.#request.database, this.#context.clock);
    const answer = await this.#startRecorder(end.epoch, from);
    if ('gap' in answer) {
      await this.#newEpoch(answer.gap);
      return;
    }
    this.#durable = from;
    this.#gapReason = undefined;
    this.totals.epoch = end.epoch;
    this.totals.tx = end.tx;
    await this.#recorder.forgetCommits();
    this.#request.onRecording(true);
    this.#request.onEvent({ event: 'started', epoch: end.epoch, tx: end.tx, base: end.base });
  }

  /** After a gap. An epoch needs all that was before it, and a base: what a server in an outage cannot take waits. */
  async #newEpoch(found: string): Promise<void> {
    const { onRecording, store } = this.#request;
    this.#gapReason ??= found;
    onRecording(false);
    if (store.waiting.segments > 0) return this.#pause(this.#gapReason);
    try {
      await this.#beginEpoch(await store.repository(), this.#gapReason);
    } catch (error) {
      // What is wrong from the start is said at once.
      const mayPass = isPassing(error) && (this.totals.epoch !== '' || error.code === 'storage_unavailable');
      if (!store.outlivesOutage || !mayPass) throw error;
      await this.#pause(this.#gapReason);
    }
  }

  /** Begins to record at the newest commit, then makes a base that lies behind that place. */
  async #beginEpoch(repository: Repository, reason: string): Promise<void> {
    const { databaseId, onEvent, onRecording, store } = this.#request;
    const before = (await readEpochs(repository, databaseId)).at(-1);
    const end = before === undefined ? null : await endOf(repository, databaseId, before);
    const id = Buffer.from(this.#context.random.bytes(4)).toString('hex');
    await this.#startAtFloor(id);
    const base = await this.#base(repository);
    const from = end === null ? before?.createdAt : new Date(end.lastNotAfter).toISOString();
    const missing = from === undefined ? null : { from, to: base.createdAt };
    const record: EpochRecord = {
      format: 2,
      id,
      createdAt: new Date(this.#context.clock.wallTime()).toISOString(),
      base: { pointId: base.pointId, tx: base.tx },
      parent: before === undefined ? null : { id: before.id, lastTx: end?.lastTx ?? 0 },
      reason,
      missing,
    };
    await writeEpoch(repository, databaseId, record, { check: () => store.checkLease() });
    await store.begin(id, base.pointId);
    this.#gapReason = undefined;
    this.totals.epoch = id;
    this.totals.tx = 0;
    if (missing !== null) {
      this.totals.gaps.push({ reason, ...missing });
      onEvent({ event: 'gap', reason, ...missing });
    }
    onRecording(true);
    onEvent({ event: 'started', epoch: id, tx: 0, base: base.pointId });
  }

  async #startAtFloor(epoch: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      await this.#recorder.stop();
      for (const segment of this.#waiting.splice(0)) await rm(segment.file, { force: true });
      this.#recorder = new RecorderProcess(this.#request.database, this.#context.clock);
      const floor = await this.#recorder.floor();
      if ('unavailable' in floor) throw new TradedbError('unsupported', 'the wal-index cannot be read');
      this.#durable = { position: floor.position, tx: 0, previous: null, notAfter: 0 };
      const answer = await this.#startRecorder(epoch, this.#durable);
      if ('value' in answer) return;
      // A writer restarted the WAL between the two looks; it cannot do so twice under one pin.
      if (tries >= baseTries) throw new TradedbError('backup_failed', `the archive cannot begin: ${answer.gap}`);
    }
  }

  /** A base whose place among the recorded commits is known. */
  async #base(repository: Repository): Promise<{ pointId: string; tx: number; createdAt: string }> {
    for (let tries = 0; tries < baseTries; tries++) {
      const point = await this.#request.makeBase(repository);
      const tail = await this.#recorder.tail();
      if ('gap' in tail) throw new TradedbError('backup_failed', `the archive cannot begin: ${tail.gap}`);
      if (point.position === null) break;
      const tx = point.position.frame > 0 ? await this.#recorder.txAt(point.position) : tail.value.tx === 0 ? 0 : null;
      if (tx === null) continue;
      await this.#recorder.forgetCommits();
      this.#count(tail.value);
      return { pointId: point.id, tx, createdAt: point.createdAt };
    }
    throw new TradedbError(
      'backup_failed',
      'the archive cannot begin: no base with a known place in the WAL was made',
      {
        hint: 'try again; the database must be readable as pages (backup create --method pages)',
      },
    );
  }
}
