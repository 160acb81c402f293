import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatByteSize } from '../../config/byte-size.ts';
import type { OperationContext } from '../../context.ts';
import { makeFolder } from '../../make-folder.ts';
import { type Connection, openReadOnly } from '../../sqlite/connection.ts';
import { requireDatabaseFile } from '../../sqlite/database-file.ts';
import { judgeDisk, requireDisk, reserveReached } from '../disk-guard.ts';
import { openWithoutTrace } from '../open-without-trace.ts';
import { BudgetedWrites, type IdleBudget, writeBudget } from '../retention/budgeted-writes.ts';
import { deleteDue } from '../retention/delete-due.ts';
import { nextDueMonth } from '../retention/month.ts';
import { type PolicyPlan, planPolicy } from '../retention/plan.ts';
import type { RetentionPolicy } from '../retention/policy.ts';
import { summariseDays, summaryRange } from '../retention/summarise.ts';
import { type Chunk, chunksOf, isPending, openTableFolder, openTableFolders, type TableFolder } from './chunk.ts';
import type { ArchiveFormat } from './format.ts';
import { policyResult, restoreHoldEnd } from './policy-result.ts';
import { chunkResult, finishChunk, record, recordWritten } from './process-chunk.ts';
import type { ArchivePorts, ArchiveRequest, ArchiveResult, ArchiveStop, PolicyResult } from './request.ts';
import { writeArchive } from './write.ts';

/**
 * Moves the rows that the policies let go into verified archives and deletes them. Chunks that an earlier run left
 * unfinished are finished first: at every instant each row is in its table, in a verified archive, or in both.
 */
export async function runArchive(
  request: ArchiveRequest,
  ports: ArchivePorts,
  context: OperationContext,
): Promise<ArchiveResult> {
  requireDatabaseFile(request.database);
  const database = realpathSync(request.database);
  const run = new ArchiveRun({ ...request, database }, ports, context);
  return run.all();
}

class ArchiveRun {
  readonly #request: ArchiveRequest;
  readonly #ports: ArchivePorts;
  readonly #context: OperationContext;
  readonly #deadline: number;
  readonly #idle: IdleBudget | undefined;
  #stop: ArchiveStop = 'done';
  /** What this run worked on, in its order. */
  readonly #touched: string[] = [];
  /** By table, rows that were written as a summary. */
  readonly #summaries = new Map<string, number>();
  /** By table, what went without a copy. */
  readonly #deleted = new Map<string, { readonly deleted: number; readonly kept: number }>();

  constructor(request: ArchiveRequest, ports: ArchivePorts, context: OperationContext) {
    this.#request = request;
    this.#ports = ports;
    this.#context = context;
    const end = context.clock.wallTime() + request.maxDurationMs;
    this.#deadline = Math.min(end, request.windowEnd ?? end);
    if (request.idleRate !== undefined) this.#idle = { rate: request.idleRate, waitedMs: 0 };
  }

  async all(): Promise<ArchiveResult> {
    const plans = this.#plan();
    if (this.#request.dryRun) {
      return this.#result(
        'archive',
        plans.map(({ plan, heldUntil }) => this.#policy(plan, heldUntil)),
      );
    }
    const ready = plans.filter(({ plan, heldUntil }) => heldUntil === null && plan.rowsDue > 0);
    const due = ready.reduce((sum, { plan }) => sum + plan.rowsDue, 0);
    if (due > 0 || this.#pendingIds().length > 0) await this.#confirm(due);
    makeFolder(this.#request.folder);
    this.#requireDisk(ready.reduce((sum, { plan }) => sum + plan.estimatedBytes, 0));
    await this.#finishPending();
    const results: PolicyResult[] = [];
    for (const { plan, heldUntil } of plans) {
      if (this.#stop === 'done' && heldUntil === null && plan.rowsDue > 0) await this.#archivePolicy(plan);
      results.push(this.#policy(plan, heldUntil));
    }
    return this.#result('archive', results);
  }

  /** Only finishes what an earlier run began. */
  async resume(): Promise<ArchiveResult> {
    const pending = this.#pendingIds();
    if (pending.length > 0 && !this.#request.dryRun) {
      await this.#ports.confirm(
        `Finish ${pending.length} archive${pending.length === 1 ? '' : 's'} and delete their rows?`,
      );
      await this.#finishPending();
    }
    return this.#result('resume', []);
  }

  async #confirm(due: number): Promise<void> {
    const { keepRows, folder } = this.#request;
    if (keepRows) return;
    await this.#ports.confirm(
      `Archive ${due} rows and what leaves with them into ${JSON.stringify(folder)}, then delete them?`,
    );
  }

  #plan(): { plan: PolicyPlan; heldUntil: string | null }[] {
    const { policies, before, allowSlow, restoreHoldMs, folder } = this.#request;
    const now = this.#context.clock.wallTime();
    const connection = this.#read();
    try {
      return policies.map((policy) => {
        const plan = planPolicy(connection, policy, { now, before, allowSlow });
        const chunks = chunksOf(openTableFolder(folder, plan.policy.table));
        return { plan, heldUntil: restoreHoldEnd(chunks, restoreHoldMs, now) };
      });
    } finally {
      connection.close();
    }
  }

  async #deleteOnly(plan: PolicyPlan): Promise<void> {
    if (this.#request.keepRows) return;
    const writes = this.#openWrites();
    try {
      const { deleted, kept, stoppedBy } = await deleteDue(plan, writes, this.#context);
      this.#deleted.set(plan.policy.table, { deleted, kept });
      this.#stop = stoppedBy;
    } finally {
      writes.close();
    }
  }

  #openWrites(): BudgetedWrites {
    const budget = writeBudget(this.#request, this.#ports.probeDisk, this.#deadline, this.#idle);
    return new BudgetedWrites(this.#request.database, budget, this.#context);
  }

  /** What stays of the rows is written before any of them leaves. */
  async #summarise({ policy, oldest, cutoff }: PolicyPlan): Promise<void> {
    if (policy.summary === undefined || oldest === null || this.#request.keepRows) return;
    const writes = this.#openWrites();
    try {
      const range = summaryRange(policy, oldest, Date.parse(cutoff));
      const { rows, stoppedBy } = await summariseDays(policy, range, writes, this.#context);
      this.#summaries.set(policy.table, rows);
      this.#stop = stoppedBy;
    } finally {
      writes.close();
    }
  }

  async #archivePolicy(plan: PolicyPlan): Promise<void> {
    await this.#summarise(plan);
    if (this.#stop !== 'done') return;
    if (plan.policy.archive === 'none') return this.#deleteOnly(plan);
    const folder = openTableFolder(this.#request.folder, plan.policy.table);
    makeFolder(folder.path);
    const connection = this.#read();
    try {
      let month = nextDueMonth(connection, plan.policy, plan.due, undefined);
      while (month !== undefined) {
        let after: Parameters<typeof writeArchive>[0]['after'];
        for (let more = true; more; ) {
          if (this.#mustStop()) return;
          const written = await this.#chunk({ plan, folder, connection, month, after });
          if (written === undefined || this.#stop !== 'done') break;
          after = written.lastKey;
          more = written.more;
        }
        if (this.#stop !== 'done') return;
        month = nextDueMonth(connection, plan.policy, plan.due, month.end);
      }
    } finally {
      connection.close();
    }
  }

  async #chunk(parts: {
    readonly plan: PolicyPlan;
    readonly folder: TableFolder;
    readonly connection: Connection;
    readonly month: NonNullable<ReturnType<typeof nextDueMonth>>;
    readonly after: Parameters<typeof writeArchive>[0]['after'];
  }): Promise<{ lastKey: NonNullable<typeof parts.after>; more: boolean } | undefined> {
    const { plan, folder, connection, month, after } = parts;
    const { policy, tables, schemaVersion, cutoff } = plan;
    const { database, keepRows, chunkRows, rowGroupRows, strictTypes, codec } = this.#request;
    const format = this.#request.format ?? formatOf(policy.archive, this.#request.defaultFormat);
    const archiveId = `${month.month}-${Buffer.from(this.#context.random.bytes(4)).toString('hex')}`;
    const planned = { database, policy, cutoff, month: month.month, kept: keepRows };
    record(folder, archiveId, { state: 'planned', values: planned }, this.#context);
    let written: Awaited<ReturnType<typeof writeArchive>>;
    try {
      written = await writeArchive(
        {
          ...{ archiveId, folder, format, strictTypes, rowGroupRows, codec, chunkRows, connection },
          ...{ schemaVersion, tables, policy, cutoff, after, due: month.due, month: month.month },
          diskIsShort: () => this.#diskIsShort(),
        },
        this.#context,
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      record(folder, archiveId, { state: 'dropped', values: { reason } }, this.#context);
      throw error;
    }
    if (written === undefined) {
      record(folder, archiveId, { state: 'dropped', values: { reason: 'nothing was due any more' } }, this.#context);
      return undefined;
    }
    this.#touched.push(archiveId);
    recordWritten(folder, archiveId, { manifest: written.manifest, sha256: written.manifestSha256 }, this.#context);
    await this.#finish(folder, archiveId);
    return { lastKey: written.lastKey, more: written.more };
  }

  async #finish(folder: TableFolder, id: string): Promise<void> {
    const parts = { request: this.#request, ports: this.#ports, deadline: this.#deadline, idle: this.#idle };
    this.#stop = await finishChunk(folder, id, parts, this.#context);
  }

  async #finishPending(): Promise<void> {
    for (const folder of this.#folders()) {
      for (const chunk of chunksOf(folder)) {
        if (!this.#isOurs(chunk)) continue;
        if (this.#mustStop()) return;
        this.#touched.push(chunk.id);
        await this.#finish(folder, chunk.id);
        if (this.#stop !== 'done') return;
      }
    }
  }

  #requireDisk(bytes: number): void {
    const { folder, database, walBudgetBytes, reserveBytes } = this.#request;
    const needs = [
      { folder, bytes, purpose: 'archive' },
      { folder: dirname(database), bytes: walBudgetBytes, purpose: 'WAL of the deletes' },
    ];
    requireDisk(judgeDisk(needs, reserveBytes, this.#ports.probeDisk), formatByteSize);
  }

  #mustStop(): boolean {
    if (this.#stop === 'done' && this.#context.clock.wallTime() >= this.#deadline) this.#stop = 'duration';
    if (this.#stop === 'done' && this.#diskIsShort()) this.#stop = 'disk';
    return this.#stop !== 'done';
  }

  #diskIsShort(): boolean {
    const { folder, database, reserveBytes } = this.#request;
    const folders = [dirname(database), folder];
    return reserveReached(folders, reserveBytes, this.#ports.probeDisk);
  }

  #pendingIds(): string[] {
    return this.#folders()
      .flatMap(chunksOf)
      .filter((chunk) => this.#isOurs(chunk))
      .map(({ id }) => id);
  }

  /** Of this database, and not finished. */
  #isOurs(chunk: Chunk): boolean {
    return isPending(chunk) && chunk.database === this.#request.database;
  }

  #folders(): TableFolder[] {
    return openTableFolders(this.#request.folder);
  }

  #policy(plan: PolicyPlan, heldUntil: string | null): PolicyResult {
    const folder = openTableFolder(this.#request.folder, plan.policy.table);
    const deletedOnly = this.#deleted.get(plan.policy.table) ?? null;
    return policyResult(plan, folder, {
      ...{ heldUntil, deletedOnly, touched: this.#touched },
      summaryRows: this.#summaries.get(plan.policy.table) ?? null,
    });
  }

  #result(mode: 'archive' | 'resume', policies: readonly PolicyResult[]): ArchiveResult {
    const { database, folder, dryRun } = this.#request;
    const known = this.#folders().flatMap(chunksOf);
    const archives = this.#touched.flatMap((id) => known.filter((chunk) => chunk.id === id).map(chunkResult));
    return {
      ...{ database, folder, mode, dryRun, policies },
      archives: mode === 'resume' ? archives : [],
      restored: null,
      stoppedBy: this.#stop,
      idleWaitMs: Math.round(this.#idle?.waitedMs ?? 0),
      pending: known.filter((chunk) => this.#isOurs(chunk)).map(({ id }) => id),
    };
  }

  #read(): Connection {
    const { database, busyTimeoutMs, dryRun } = this.#request;
    const open = dryRun ? openWithoutTrace : openReadOnly;
    return open(database, { ...this.#context, busyTimeoutMs });
  }
}

/** Finishes the archives that an earlier run left behind, and begins none. */
export async function resumeArchive(
  request: ArchiveRequest,
  ports: ArchivePorts,
  context: OperationContext,
): Promise<ArchiveResult> {
  requireDatabaseFile(request.database);
  const run = new ArchiveRun({ ...request, database: realpathSync(request.database) }, ports, context);
  return run.resume();
}

function formatOf(wanted: RetentionPolicy['archive'], otherwise: ArchiveFormat): ArchiveFormat {
  return wanted === undefined || wanted === 'none' ? otherwise : wanted;
}
