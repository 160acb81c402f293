import { existsSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { formatByteSize } from '../../config/byte-size.ts';
import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { openReadOnly, openReadWrite } from '../../sqlite/connection.ts';
import type { ConnectionSettings } from '../../sqlite/connection-settings.ts';
import { requireDatabaseFile } from '../../sqlite/database-file.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { findBlockers } from '../checkpoint/blockers.ts';
import { type ConnectedProcesses, isConnected, nameProcesses } from '../connected.ts';
import { type DiskNeed, judgeDisk, requireDisk } from '../disk-guard.ts';
import { inspectSpace } from '../inspect-space.ts';
import { type DatabaseSpace, freeShare } from '../space.ts';
import { type CompactionGuard, runCompaction } from './compaction-process.ts';
import { type IncrementalResult, vacuumIncrementally } from './incremental.ts';
import { holdersOfFile } from './late-holders.ts';
import { expiredOldFiles, oldFileName, removeOldFiles } from './old-file.ts';
import { planVacuum, type VacuumPlan } from './plan.ts';
import type { SpaceFigures, VacuumPorts, VacuumRequest, VacuumResult } from './request.ts';
import { resumeSwap } from './resume.ts';
import { refuseUnfinishedSwap } from './swap-file.ts';

/** What a method adds to the result. */
type Outcome = Partial<Pick<VacuumResult, 'stoppedBy' | 'swap' | 'copy' | 'blockers'>> & {
  readonly incremental?: IncrementalResult;
};

/**
 * Gives free space back. Plans first; a dry run ends there and changes no byte. Throws for what could not be done, and
 * returns a result with `stoppedBy` or `blocked` for what was only partly possible.
 */
export async function runVacuum(
  request: VacuumRequest,
  ports: VacuumPorts,
  context: OperationContext,
): Promise<VacuumResult> {
  requireDatabaseFile(request.database);
  // Side files and renames belong to the real file, not to a symbolic link to it.
  const database = realpathSync(request.database);
  refuseUnfinishedSwap(database);
  const run = new VacuumRun({ ...request, database }, ports, context);
  return await run.run();
}

class VacuumRun {
  readonly #request: VacuumRequest;
  readonly #ports: VacuumPorts;
  readonly #context: OperationContext;
  readonly #settings: ConnectionSettings;
  readonly #deadline: number;

  constructor(request: VacuumRequest, ports: VacuumPorts, context: OperationContext) {
    this.#request = request;
    this.#ports = ports;
    this.#context = context;
    this.#settings = { clock: context.clock, random: context.random, busyTimeoutMs: request.busyTimeoutMs };
    const longest = context.clock.wallTime() + request.maxDurationMs;
    this.#deadline = Math.min(longest, request.windowEnd ?? longest);
  }

  async run(): Promise<VacuumResult> {
    const { database, dryRun } = this.#request;
    const before = await inspectSpace(database, this.#settings);
    const connected = this.#ports.probeConnections(database);
    const plan = planVacuum(before, connected, this.#request);
    const disk = judgeDisk(this.#needs(plan), this.#request.reserveBytes, this.#ports.probeDisk);
    const started = this.#context.clock.now();
    let outcome: Outcome = {};
    if (!dryRun && plan.method !== 'none') {
      requireDisk(disk, formatByteSize);
      throwIfCancelled(this.#context.signal);
      outcome = await this.#perform(plan, before, connected);
    }
    const workMs = this.#context.clock.now() - started;
    const after = dryRun ? null : await inspectSpace(database, this.#settings);
    const removed = dryRun ? [] : this.#removeExpired();
    return this.#result({ plan, before, after, connected, disk, outcome, workMs, removed });
  }

  #perform(plan: VacuumPlan, before: DatabaseSpace, connected: ConnectedProcesses): Promise<Outcome> {
    switch (plan.method) {
      case 'incremental':
        return this.#incremental();
      case 'into':
        return this.#into(plan, before, connected);
      case 'full':
        return this.#full(plan, before, connected);
      case 'copy':
        return this.#copy(plan, before);
      case 'none':
        return Promise.resolve({});
    }
  }

  async #incremental(): Promise<Outcome> {
    const { database, reserveBytes } = this.#request;
    const settings = { ...this.#settings, busyTimeoutMs: Math.max(1000, this.#request.busyTimeoutMs) };
    const profile = { ...normalProfile, walAutocheckpointPages: 0, foreignKeys: false };
    const worker = openReadWrite(database, profile, settings);
    try {
      const reader = openReadOnly(database, settings);
      try {
        const incremental = await vacuumIncrementally(
          { worker, reader },
          {
            ...this.#request,
            reserveBytes,
            deadline: this.#deadline,
            folder: dirname(database),
            probeDisk: this.#ports.probeDisk,
          },
          this.#context,
        );
        const blockers = incremental.stoppedBy === 'reader' ? findBlockers(database, null, this.#ports.ownPid) : [];
        return { incremental, stoppedBy: incremental.stoppedBy, blockers };
      } finally {
        reader.close();
      }
    } finally {
      // Last: the connection that can write also tidies up the WAL when nobody else is there.
      worker.close();
    }
  }

  async #into(plan: VacuumPlan, before: DatabaseSpace, connected: ConnectedProcesses): Promise<Outcome> {
    const { database, verify } = this.#request;
    if (isConnected(connected)) {
      throw new TradedbError(
        'database_locked',
        `${JSON.stringify(database)} is in use by ${nameProcesses(connected)}`,
        {
          hint: 'stop the processes that use it, or make a copy with: tradedb vacuum run --to <file>',
        },
      );
    }
    const warning = connected.complete ? '' : ' Some processes of other users could not be looked at.';
    await this.#ports.confirm(
      `Replace ${JSON.stringify(basename(database))} with a compact copy of ${formatByteSize(liveBytes(before))}?${warning}`,
    );
    const stats = statSync(database, { bigint: true });
    const now = this.#context.clock.wallTime();
    const record = {
      version: 1 as const,
      journalMode: before.journalMode,
      partial: `${basename(database)}.vacuum.partial`,
      oldFile: oldFileName(database, now),
      oldDevice: String(stats.dev),
      oldInode: String(stats.ino),
      startedAt: new Date(now).toISOString(),
    };
    const end = await runCompaction(
      { kind: 'swap', database, record, verify, busyTimeoutMs: 0, ...conversion(plan) },
      this.#guard([dirname(database)], { path: `${database}.vacuum.partial`, bytes: liveBytes(before) }),
      this.#context,
    );
    if (end.stoppedBy !== 'done') {
      resumeSwap(database, this.#settings);
      throwIfCancelled(this.#context.signal);
      return { stoppedBy: end.stoppedBy === 'cancelled' ? 'duration' : end.stoppedBy };
    }
    const oldFile = `${dirname(database)}/${record.oldFile}`;
    const lateHolders = holdersOfFile({ device: record.oldDevice, inode: record.oldInode });
    return { stoppedBy: 'done', swap: { performed: true, oldFile, lateHolders } };
  }

  async #full(plan: VacuumPlan, before: DatabaseSpace, connected: ConnectedProcesses): Promise<Outcome> {
    const { database, busyTimeoutMs } = this.#request;
    const stall = `${Math.max(1, Math.round(plan.expected.longestStallMs / 1000))} s`;
    const whom = isConnected(connected) ? ` ${nameProcesses(connected)} will wait.` : '';
    await this.#ports.confirm(
      `Rewrite ${JSON.stringify(basename(database))} in place? Writers wait for all of it, about ${stall}.${whom}`,
    );
    const end = await runCompaction(
      { kind: 'full', database, busyTimeoutMs, ...conversion(plan) },
      this.#guard([dirname(database), this.#ports.temporaryFolder], {
        path: `${database}-wal`,
        bytes: liveBytes(before),
      }),
      this.#context,
    );
    // A killed VACUUM needs no repair: its transaction was never committed.
    throwIfCancelled(this.#context.signal);
    return { stoppedBy: end.stoppedBy === 'cancelled' ? 'duration' : end.stoppedBy };
  }

  async #copy(plan: VacuumPlan, before: DatabaseSpace): Promise<Outcome> {
    const { database, to: target = '', verify, busyTimeoutMs } = this.#request;
    if (existsSync(target)) {
      throw new TradedbError('database_exists', `${JSON.stringify(target)} exists already`, {
        hint: 'choose another path for --to',
      });
    }
    const partial = `${target}.partial`;
    const guard = this.#guard([dirname(target)], { path: partial, bytes: liveBytes(before) });
    try {
      const end = await runCompaction(
        { kind: 'copy', database, target, verify, busyTimeoutMs, ...conversion(plan) },
        guard,
        this.#context,
      );
      throwIfCancelled(this.#context.signal);
      if (end.stoppedBy === 'done')
        return { stoppedBy: 'done', copy: { path: target, sizeBytes: statSync(target).size } };
      return { stoppedBy: end.stoppedBy === 'cancelled' ? 'duration' : end.stoppedBy };
    } finally {
      for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${partial}${suffix}`, { force: true });
    }
  }

  #guard(folders: readonly string[], growing: { path: string; bytes: number }): CompactionGuard {
    const { reserveBytes } = this.#request;
    return { folders, growing, reserveBytes, probeDisk: this.#ports.probeDisk, deadline: this.#deadline };
  }

  #needs(plan: VacuumPlan): DiskNeed[] {
    const { database, to } = this.#request;
    const needs = [
      {
        folder: dirname(database),
        bytes: plan.needs.databaseFolderBytes,
        purpose: plan.method === 'into' ? 'compact copy' : 'WAL',
      },
      { folder: this.#ports.temporaryFolder, bytes: plan.needs.temporaryBytes, purpose: 'temporary copy' },
      { folder: dirname(to ?? database), bytes: plan.needs.targetBytes, purpose: 'compact copy' },
    ].filter((need) => need.bytes > 0);
    return needs.length > 0 ? needs : [{ folder: dirname(database), bytes: 0, purpose: 'nothing' }];
  }

  #removeExpired(): VacuumResult['removedOldFiles'] {
    const files = expiredOldFiles(this.#request.database, this.#request.keepOldMs, this.#context.clock.wallTime());
    removeOldFiles(files);
    return files;
  }

  #result(parts: {
    plan: VacuumPlan;
    before: DatabaseSpace;
    after: DatabaseSpace | null;
    connected: ConnectedProcesses;
    disk: ReturnType<typeof judgeDisk>;
    outcome: Outcome;
    workMs: number;
    removed: VacuumResult['removedOldFiles'];
  }): VacuumResult {
    const { plan, before, after, connected, disk, outcome } = parts;
    const { database, dryRun, until, latencyBudgetMs, walBudgetBytes } = this.#request;
    const steps = outcome.incremental;
    const freedPages = steps?.freedPages ?? (after === null ? 0 : Math.max(0, before.pageCount - after.pageCount));
    return {
      database,
      dryRun,
      method: plan.method,
      reason: plan.reason,
      blocked: plan.blocked,
      ways: plan.ways,
      connected: connected.processes,
      settings: { until, latencyBudgetMs, walBudgetBytes, convertTo: plan.convertTo ?? 'none' },
      expected: plan.expected,
      before: figures(before),
      after: after === null ? null : figures(after),
      freedPages,
      freedBytes: freedPages * before.pageSizeBytes,
      workMs: parts.workMs,
      steps: steps?.steps ?? 0,
      stepsOverBudget: steps?.stepsOverBudget ?? 0,
      stepsRetried: steps?.stepsRetried ?? 0,
      longestStepMs: steps?.longestStepMs ?? 0,
      shields: steps?.shields ?? 0,
      walPeakBytes: steps?.walPeakBytes ?? 0,
      idleWaitMs: steps?.idleWaitMs ?? 0,
      stoppedBy: outcome.stoppedBy ?? null,
      blockers: outcome.blockers ?? [],
      swap: outcome.swap ?? { performed: false, oldFile: null, lateHolders: [] },
      copy: outcome.copy ?? null,
      disk: { neededBytes: disk.neededBytes, freeBytes: disk.freeBytes, reserveBytes: disk.reserveBytes },
      removedOldFiles: parts.removed,
    };
  }
}

function conversion(plan: VacuumPlan): { convertTo?: 'incremental' | 'full' } {
  return plan.convertTo === undefined ? {} : { convertTo: plan.convertTo };
}

function liveBytes(space: DatabaseSpace): number {
  return (space.pageCount - space.freePages) * space.pageSizeBytes;
}

function figures(space: DatabaseSpace): SpaceFigures {
  const { sizeBytes, pageSizeBytes, pageCount, freePages, autoVacuum } = space;
  return { sizeBytes, pageSizeBytes, pageCount, freePages, freeShare: freeShare(space), autoVacuum };
}
