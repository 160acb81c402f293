import { existsSync, statSync } from 'node:fs';
import { chmod, chown, link, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type HookCommand, type HookSettings, hookFinding, requireHook, runHook } from '../backup/hook.ts';
import type { Manifest } from '../backup/manifest/manifest.ts';
import type { Repository } from '../backup/repository/repository.ts';
import type { LeaseTimes } from '../backup/repository/repository-lease.ts';
import { formatByteSize } from '../config/byte-size.ts';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { fileSystemOf } from '../file-access/file-system.ts';
import { acquireLease, databaseLeaseFolder, databaseLeaseName, type LeaseOwner } from '../lease.ts';
import type { Finding } from '../report.ts';
import { flushFolder } from '../storage/local-folder.ts';
import { fromStorage } from '../storage/storage-error.ts';
import { applyState } from './apply-state.ts';
import { type CheckDepth, checkDatabase } from './check.ts';
import { inUseError, usersOf } from './in-use.ts';
import type { RestoreIntent } from './intent.ts';
import { realTarget, refusePendingRestore } from './pending.ts';
import type { ReplayRoute } from './point-in-time.ts';
import { whileReadingWay } from './reading.ts';
import { companions, type Swapped, swapIn } from './swap.ts';

export interface RestoreRequest {
  readonly repository: Repository;
  /** The full point first, the wanted one last. */
  readonly lineage: readonly Manifest[];
  /** Commits after that point; undefined: the point as it is. */
  readonly route?: ReplayRoute | undefined;
  /** Absolute path of the file that will hold the result. */
  readonly target: string;
  /** Takes the place of an existing database. */
  readonly replace: boolean;
  readonly discardOld: boolean;
  readonly checkpointOld: boolean;
  readonly force: boolean;
  readonly check: CheckDepth;
  readonly workers: number;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  readonly stateDirectory: string;
  readonly hooks?: SwapHooks;
  /** False when the caller holds the lease of the database already. */
  readonly takeLease?: boolean;
}

/** Programs around the exchange; `beforeSwap` has to succeed, a failing `afterSwap` is a finding. */
export interface SwapHooks extends HookSettings {
  readonly beforeSwap?: HookCommand | undefined;
  readonly afterSwap?: HookCommand | undefined;
}

export interface Restored {
  readonly findings: readonly Finding[];
  readonly pointId: string;
  readonly output: string;
  readonly oldDatabase: string | null;
  /** The WAL of the old database was copied into it before it went aside. */
  readonly oldCheckpointed: boolean;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly digest: string;
  readonly check: CheckDepth;
  readonly phasesMs: { readonly apply: number; readonly check: number; readonly swap: number };
}

/** Writes a restore point to a new file, or puts it in the place of a database. Nothing changes unless all of it works. */
export async function restorePoint(request: RestoreRequest, context: OperationContext): Promise<Restored> {
  const target = realTarget(request.target);
  const point = request.lineage.at(-1) as Manifest;
  refusePendingRestore(target);
  requireTarget(target, request);
  const lease =
    request.takeLease === false
      ? undefined
      : acquireLease(
          {
            directory: databaseLeaseFolder(request.stateDirectory),
            name: databaseLeaseName(target),
            purpose: 'restore run',
            owner: request.owner,
          },
          context,
        );
  try {
    await removeLeftovers(target);
    requireSpace(target, request);
    const id = Buffer.from(context.random.bytes(3)).toString('hex');
    const partial = `${target}.restore-${id}.partial`;
    try {
      const reader = { ...request, route: request.route, purpose: 'restore run' };
      return await whileReadingWay(reader, context, (route) =>
        make({ ...request, route }, { target, partial, id, point }, context),
      );
    } catch (error) {
      // While the intent stands, the new file is what a resume needs.
      if (!existsSync(`${target}.restore-intent`)) await rm(partial, { force: true });
      throw error;
    }
  } finally {
    lease?.release();
  }
}

interface Work {
  readonly target: string;
  readonly partial: string;
  readonly id: string;
  readonly point: Manifest;
}

async function make(request: RestoreRequest, work: Work, context: OperationContext): Promise<Restored> {
  const { target, partial, point } = work;
  const started = context.clock.now();
  const applied = await applyState({ ...request, file: partial }, context);
  const appliedAt = context.clock.now();
  if (request.check !== 'none') await requireSound(partial, request.check, point, context);
  const checkedAt = context.clock.now();
  const swapped = await putInPlace(request, { ...work, digest: applied.digest }, context);
  return {
    pointId: point.id,
    output: target,
    oldDatabase: swapped.oldDatabase,
    oldCheckpointed: swapped.checkpointed,
    findings: swapped.findings,
    ...applied,
    check: request.check,
    phasesMs: {
      apply: appliedAt - started,
      check: checkedAt - appliedAt,
      swap: context.clock.now() - checkedAt,
    },
  };
}

async function putInPlace(
  request: RestoreRequest,
  { target, partial, id, point, digest }: Work & { digest: string },
  context: OperationContext,
): Promise<Swapped & { findings: readonly Finding[] }> {
  const occupied = ['', ...companions].some((suffix) => existsSync(`${target}${suffix}`));
  if (!occupied) {
    await placeNew(partial, target);
    return { oldDatabase: null, checkpointed: false, findings: [] };
  }
  await takeOverAccess(target, partial);
  const stats = statSync(partial);
  const intent: RestoreIntent = {
    format: 1,
    id,
    target,
    partial,
    partialInode: stats.ino,
    sizeBytes: stats.size,
    pageSizeBytes: point.database.pageSizeBytes,
    digest,
    aside: `${target}.before-${id}`,
    hadDatabase: existsSync(target),
    discardOld: request.discardOld,
    pointId: point.id,
    startedAt: new Date(context.clock.wallTime()).toISOString(),
  };
  const options = { checkpoint: request.checkpointOld, force: request.force, ownPid: request.owner.pid };
  const hook = (event: string) => async (command: HookCommand | undefined) => {
    const facts = { TRADEDB_EVENT: event, TRADEDB_DATABASE: target, TRADEDB_BACKUP_ID: point.id };
    return request.hooks === undefined ? undefined : runHook(command, facts, request.hooks, context);
  };
  await requireHook('restore.hooks.beforeSwap', request.hooks?.beforeSwap, hook('beforeSwap'));
  const swapped = await swapIn(intent, options, context);
  const problem = await hook('afterSwap')(request.hooks?.afterSwap);
  return { ...swapped, findings: hookFinding('restore.hooks.afterSwap', problem) };
}

/** Whoever could use the old file can use the new one. Only root may give a file to somebody else. */
async function takeOverAccess(target: string, partial: string): Promise<void> {
  const old = statSync(target, { throwIfNoEntry: false });
  if (old === undefined) return;
  const fresh = statSync(partial);
  if (fresh.uid !== old.uid || fresh.gid !== old.gid) {
    await chown(partial, old.uid, old.gid).catch((error: unknown) => {
      throw fromStorage(error, partial);
    });
  }
  await chmod(partial, old.mode & 0o7777);
}

/** Fails instead of replacing a file that somebody made meanwhile. */
async function placeNew(partial: string, target: string): Promise<void> {
  try {
    await link(partial, target);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw exists(target);
    if (!(error instanceof Error) || !('code' in error) || (error.code !== 'EPERM' && error.code !== 'ENOTSUP')) {
      throw fromStorage(error, target);
    }
    // A file system without hard links cannot refuse a name that appears at this very moment.
    await rename(partial, target);
  }
  await rm(partial, { force: true });
  await flushFolder(dirname(target));
}

async function requireSound(
  partial: string,
  depth: Exclude<CheckDepth, 'none'>,
  point: Manifest,
  context: OperationContext,
): Promise<void> {
  const task = context.progress.start({ id: 'check', label: `checking (${depth})`, unit: 'steps' });
  const problems = await checkDatabase(partial, depth, context);
  task.done();
  if (problems.length === 0) return;
  throw new TradedbError('database_corrupt', `backup ${point.id} holds a damaged database: ${problems[0]}`, {
    hint: 'it was damaged when it was backed up: restore an older backup, or take this one as it is with --check none',
    details: { problems },
  });
}

/** Refuses a target that cannot or may not be written: missing folder, an existing file, a database in use. */
export function requireTarget(target: string, request: Pick<RestoreRequest, 'replace' | 'owner'>): void {
  const stats = statSync(target, { throwIfNoEntry: false });
  if (stats === undefined) {
    if (!existsSync(dirname(target))) {
      throw new TradedbError('file_not_found', `the folder ${JSON.stringify(dirname(target))} does not exist`);
    }
    return;
  }
  if (!stats.isFile()) throw new TradedbError('usage', `${JSON.stringify(target)} is no file`);
  if (!request.replace) throw exists(target);
  const users = usersOf(target, [request.owner.pid]);
  if (users.length > 0) throw inUseError(target, users);
}

function exists(target: string): TradedbError {
  return new TradedbError('database_exists', `${JSON.stringify(target)} exists already`, {
    hint: 'put the backup in its place with --replace (the old file is kept), or restore beside it: --target <file>',
  });
}

function requireSpace(target: string, { lineage, route }: RestoreRequest): void {
  const { pageCount, pageSizeBytes } = (lineage.at(-1) as Manifest).database;
  const needed = Math.max(pageCount, route?.commit.pages ?? 0) * pageSizeBytes;
  const { freeBytes } = fileSystemOf(dirname(target));
  if (freeBytes >= needed) return;
  throw new TradedbError(
    'disk_full',
    `the restored database needs ${formatByteSize(needed)}, but only ${formatByteSize(freeBytes)} are free`,
    { hint: 'free some space, or restore to another file system: --target <file>' },
  );
}

/** Unfinished files of restores that were killed; the lease says that none is at work. */
async function removeLeftovers(target: string): Promise<void> {
  const name = `${basename(target)}.restore-`;
  const folder = dirname(target);
  const entries = await readdir(folder).catch((error: unknown) => {
    throw fromStorage(error, folder);
  });
  for (const entry of entries) {
    const rest = entry.startsWith(name) ? entry.slice(name.length) : '';
    if (/^([0-9a-f]{6}\.partial(-wal|-shm|-journal)?|intent\.partial)$/.test(rest))
      await rm(join(folder, entry), { force: true });
  }
}
