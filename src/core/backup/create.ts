import { realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { acquireLease, databaseLeaseFolder, databaseLeaseName, type LeaseOwner, waitForLease } from '../lease.ts';
import type { Finding } from '../report.ts';
import { requireDatabaseFile } from '../sqlite/database-file.ts';
import { type Codec, formatCodec } from './chunk/codec.ts';
import { type HookCommand, type HookSettings, hookFinding, requireHook, runHook } from './hook.ts';
import { chooseParent, type Parent } from './incremental/from-pages.ts';
import { takeFromArchive } from './incremental/from-wal.ts';
import type { Manifest } from './manifest/manifest.ts';
import { databaseIdOf, newPointId, packKey, pageIndexKey } from './repository/object-name.ts';
import type { Repository } from './repository/repository.ts';
import {
  acquireRepositoryLease,
  type Fence,
  type LeaseTimes,
  type RepositoryLease,
} from './repository/repository-lease.ts';
import { snapshotFindings } from './snapshot/findings.ts';
import type { ReadAuditHead } from './snapshot/pin.ts';
import { dropKeptPacks, keepFinishedPacks } from './snapshot/resume.ts';
import { type Snapshot, takeSnapshot } from './snapshot/snapshot.ts';

export type BackupType = 'auto' | 'full' | 'incremental';

export interface CreateRequest {
  /** Absolute path of the live database. */
  readonly database: string;
  readonly repository: Repository;
  /** Name of the database in the repository. */
  readonly databaseLabel: string;
  readonly type: BackupType;
  readonly label: string | null;
  /** ISO 8601, `forever`, or null. */
  readonly keepUntil: string | null;
  readonly codec: Codec;
  readonly workers: number;
  readonly method: 'pages' | 'api';
  readonly maxWalBytes: number;
  readonly busyTimeoutMs: number;
  /** A chain older or longer than this begins anew with a full backup (`auto`). */
  readonly fullEveryMs: number;
  readonly maxChain: number;
  readonly owner: LeaseOwner;
  readonly leases?: LeaseTimes;
  readonly stateDirectory: string;
  readonly toolVersion: string;
  /** Incrementals may be made of archived commits, waiting so long for the newest one; undefined: never. */
  readonly archiveWaitMs?: number;
  /** How long to wait while another backup, prune or restore is at work. */
  readonly waitLockMs?: number;
  readonly hooks?: BackupHooks;
  /** Gives the head of the audit log for the manifest. */
  readonly readAuditHead?: ReadAuditHead;
  /** False when the caller holds the lease of the database already. */
  readonly takeDatabaseLease?: boolean;
}

/** Programs around a backup; `before` has to succeed, a failing `after` is a finding. */
export interface BackupHooks extends HookSettings {
  readonly before?: HookCommand | undefined;
  readonly after?: HookCommand | undefined;
  readonly onFailure?: HookCommand | undefined;
}

export interface CreatedBackup {
  readonly manifest: Manifest;
  readonly snapshot: Snapshot;
  readonly findings: readonly Finding[];
}

/** Makes one restore point of a live database. It exists when its manifest does: written last. */
export async function createBackup(asked: CreateRequest, context: OperationContext): Promise<CreatedBackup> {
  requireDatabaseFile(asked.database);
  // SQLite looks for the WAL beside the real file, whatever name led to it.
  const request = { ...asked, database: realpathSync(asked.database) };
  const databaseId = databaseIdOf(request.databaseLabel);
  const take = () => takeLeases(request, databaseId, context);
  const leases = await waitForLease(take, request.waitLockMs ?? 0, context);
  try {
    const place = { databaseId, fence: leases.repository };
    return await withHooks(request, context, () =>
      make(request, place, context).catch(async (error: unknown) => {
        throw await causeOf(error, place.fence);
      }),
    );
  } finally {
    await leases.release();
  }
}

async function withHooks(
  request: CreateRequest,
  context: OperationContext,
  work: () => Promise<CreatedBackup>,
): Promise<CreatedBackup> {
  const { hooks, database, repository } = request;
  if (hooks === undefined) return work();
  const common = { TRADEDB_DATABASE: database, TRADEDB_REPOSITORY: repository.name };
  const event = (name: string, more: Record<`TRADEDB_${string}`, string> = {}) => {
    return (command: HookCommand | undefined) =>
      runHook(command, { ...common, TRADEDB_EVENT: name, ...more }, hooks, context);
  };
  try {
    await requireHook('backup.hooks.before', hooks.before, event('before'));
    const created = await work();
    const { id, type } = created.manifest;
    const after = event('after', { TRADEDB_BACKUP_ID: id, TRADEDB_BACKUP_TYPE: type });
    const findings = hookFinding('backup.hooks.after', await after(hooks.after));
    return { ...created, findings: [...created.findings, ...findings] };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Also after an interrupt: whoever is to be told is told.
    const late = { ...context, signal: new AbortController().signal };
    const facts = { ...common, TRADEDB_EVENT: 'failure', TRADEDB_ERROR: message };
    const problem = await runHook(hooks.onFailure, facts, hooks, late);
    if (problem !== undefined) context.log.warn(`the hook backup.hooks.onFailure ${problem}`);
    throw error;
  }
}

/** Whoever has gone on after us removed our unfinished files: what is missing then is not the reason. */
async function causeOf(error: unknown, fence: Fence): Promise<unknown> {
  if (error instanceof TradedbError && error.code === 'cancelled') return error;
  try {
    await fence.check();
  } catch (lost) {
    if (lost instanceof TradedbError && lost.code === 'lease_lost') return lost;
  }
  return error;
}

interface Place {
  readonly databaseId: string;
  readonly fence: Fence;
}

async function make(
  request: CreateRequest,
  { databaseId, fence }: Place,
  context: OperationContext,
): Promise<CreatedBackup> {
  const { storage } = request.repository;
  const kept = await keepFinishedPacks(storage, databaseId);
  await storage.removeUnfinished(databaseId);
  const stagingFolder = await storage.stagingFolder(databaseId);
  try {
    const parent = await chooseParent(request, databaseId, context);
    const snapshot = await takeEither({ ...request, databaseId, stagingFolder, kept }, parent, context);
    const manifest = await store({ ...request, databaseId, fence }, { snapshot, parent }, context);
    await dropKeptPacks(storage, databaseId);
    const found = [
      ...parent.findings,
      ...snapshotFindings(request.database, snapshot),
      ...otherPlace(parent, manifest),
    ];
    return { manifest, snapshot, findings: found };
  } finally {
    await rm(stagingFolder, { recursive: true, force: true });
  }
}

const archiveDamage: ReadonlySet<string> = new Set(['checksum_mismatch', 'file_not_found', 'io_error']);

/** From the archive where it leads from the parent to now; otherwise from the files, comparing every page. */
async function takeEither(
  request: CreateRequest & { databaseId: string; stagingFolder: string; kept: readonly string[] },
  parent: Parent,
  context: OperationContext,
): Promise<Snapshot> {
  const { point, index } = parent;
  if (point !== null && index !== null && request.method === 'pages' && request.archiveWaitMs !== undefined) {
    const from = { ...request, archiveWaitMs: request.archiveWaitMs };
    const taken = await takeFromArchive(from, { point, index }, context).catch((error: unknown) => {
      // A damaged archive is no reason to have no backup: the pages say the same.
      if (error instanceof TradedbError && archiveDamage.has(error.code)) return undefined;
      throw error;
    });
    if (taken !== undefined) return taken;
  }
  return takeSnapshot({ ...request, base: index }, context);
}

/** Two databases under one label would be taken for one when something is restored. */
function otherPlace({ newest }: Parent, { database }: Manifest): Finding[] {
  if (newest === null || (newest.database.path === database.path && newest.database.hostname === database.hostname))
    return [];
  return [
    {
      id: 'backup.other_path',
      severity: 'warning',
      subject: database.label,
      message: `the backup before was made of ${JSON.stringify(newest.database.path)} on ${newest.database.hostname}`,
      hint: 'if these are two databases, give one of them a label of its own: backup.label',
    },
  ];
}

async function takeLeases(
  request: CreateRequest,
  databaseId: string,
  context: OperationContext,
): Promise<{ repository: RepositoryLease; release(): Promise<void> }> {
  const common = { purpose: 'backup create', owner: request.owner };
  const directory = databaseLeaseFolder(request.stateDirectory);
  const local =
    request.takeDatabaseLease === false
      ? undefined
      : acquireLease({ ...common, directory, name: databaseLeaseName(request.database) }, context);
  try {
    const { leases, repository } = request;
    const taken = await acquireRepositoryLease(repository.storage, { ...common, name: databaseId, leases }, context);
    const release = async () => {
      local?.release();
      await taken.release();
    };
    return { repository: taken, release };
  } catch (error) {
    local?.release();
    throw error;
  }
}

async function store(
  request: CreateRequest & Place,
  { snapshot, parent }: { snapshot: Snapshot; parent: Parent },
  context: OperationContext,
): Promise<Manifest> {
  const { repository, databaseId, fence } = request;
  const id = newPointId({ ...context.clock, wallTime: () => snapshot.takenAt }, context.random);
  const createdAt = new Date(snapshot.takenAt).toISOString();
  const { pageSizeBytes, pageCount } = snapshot;
  if (snapshot.storedPages > pageCount || (!snapshot.baseUsed && snapshot.storedPages !== pageCount)) {
    throw new TradedbError('backup_failed', `${snapshot.storedPages} of ${pageCount} pages were stored`);
  }
  await repository.describeDatabase(databaseId, { label: request.databaseLabel, firstSeen: createdAt, pageSizeBytes });
  for (const pack of snapshot.packs) await repository.storage.adopt(packKey(databaseId, id, pack.name), pack.file);
  const { file, ...pageIndex } = snapshot.pageIndex;
  await repository.storage.adopt(pageIndexKey(databaseId, id, pageIndex.name), file);
  const { sqliteVersion, audit, ...facts } = snapshot.facts;
  const manifest: Manifest = {
    format: 1,
    id,
    type: snapshot.baseUsed ? 'incremental' : 'full',
    parentId: snapshot.baseUsed ? (parent.point?.id ?? null) : null,
    chainLength: snapshot.baseUsed ? (parent.point?.chainLength ?? 0) + 1 : 0,
    database: {
      id: databaseId,
      label: request.databaseLabel,
      path: request.database,
      hostname: request.owner.hostname,
      pageSizeBytes,
      pageCount,
      journalMode: snapshot.journalMode,
      ...facts,
    },
    label: request.label,
    keepUntil: request.keepUntil,
    createdAt,
    finishedAt: new Date(context.clock.wallTime()).toISOString(),
    method: snapshot.method,
    codec: formatCodec(request.codec),
    encryption: null,
    position: snapshot.position,
    ...(snapshot.archived === null ? {} : { archived: snapshot.archived }),
    ...(audit === undefined ? {} : { audit }),
    storedPages: snapshot.storedPages,
    storedBytes: snapshot.packs.reduce((sum, pack) => sum + pack.sizeBytes, 0) + pageIndex.sizeBytes,
    packs: snapshot.packs.map(({ name, sizeBytes, chunks, pages }) => ({ name, sizeBytes, chunks, pages })),
    pageIndex,
    digest: snapshot.digest,
    tool: { version: request.toolVersion, sqliteVersion },
  };
  await writeFenced(repository, manifest, fence);
  return manifest;
}

/**
 * Whoever was suspended before the manifest and comes back after somebody else has gone on leaves no restore point: its
 * packs may have been removed by then, and what they build on too.
 */
async function writeFenced(repository: Repository, manifest: Manifest, fence: Fence): Promise<void> {
  await fence.check();
  const key = await repository.writeManifest(manifest);
  try {
    await fence.check();
  } catch (error) {
    await repository.storage.delete(key);
    throw error;
  }
}
