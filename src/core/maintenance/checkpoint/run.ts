import { realpathSync, statSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import { LiveReader } from '../../file-access/live-reader.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';
import { type Connection, openReadWrite } from '../../sqlite/connection.ts';
import { requireDatabaseFile } from '../../sqlite/database-file.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { inspectSpace } from '../inspect-space.ts';
import { type Blocker, findBlockers } from './blockers.ts';
import { type CheckpointMode, checkpointOnce, frameBytes, type WalCounts } from './wal-backlog.ts';

export interface CheckpointRequest {
  readonly database: string;
  readonly mode: CheckpointMode;
  readonly timeoutMs: number;
  readonly busyTimeoutMs: number;
  readonly dryRun: boolean;
  readonly ownPid: number;
}

/** The data of the report of `vacuum checkpoint`. */
export interface CheckpointResult {
  readonly database: string;
  readonly mode: CheckpointMode;
  readonly dryRun: boolean;
  /** `wal`, or the journal mode of a database that has no WAL. */
  readonly journalMode: string;
  readonly logFrames: number;
  readonly checkpointedFrames: number;
  /** The mode's promise was not kept until the timeout. */
  readonly busy: boolean;
  readonly backlogBeforeBytes: number;
  readonly backlogAfterBytes: number;
  readonly walFileBytes: number;
  readonly workMs: number;
  readonly tries: number;
  readonly blockers: readonly Blocker[];
}

/** Copies the WAL into the database file. PASSIVE tries once; the other modes repeat until the timeout. */
export async function runCheckpoint(request: CheckpointRequest, context: OperationContext): Promise<CheckpointResult> {
  requireDatabaseFile(request.database);
  const database = realpathSync(request.database);
  const settings = { ...context, busyTimeoutMs: request.busyTimeoutMs };
  const space = await inspectSpace(database, settings);
  const result = { database, mode: request.mode, dryRun: request.dryRun, journalMode: space.journalMode };
  const bytes = frameBytes(space.pageSizeBytes);
  const before = await backlog(database, context);
  const walFileBytes = (): number => statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const left = (counts: Pick<WalCounts, 'logFrames' | 'checkpointedFrames'>): number =>
    (counts.logFrames - counts.checkpointedFrames) * bytes;

  if (space.journalMode !== 'wal' || request.dryRun || walFileBytes() === 0) {
    const blockers = before.index === null ? [] : findBlockers(database, before.index, request.ownPid);
    const { logFrames, checkpointedFrames } = before;
    const backlogBytes = left(before);
    return {
      ...result,
      logFrames,
      checkpointedFrames,
      busy: false,
      backlogBeforeBytes: backlogBytes,
      backlogAfterBytes: backlogBytes,
      walFileBytes: walFileBytes(),
      workMs: 0,
      tries: 0,
      blockers: backlogBytes > 0 ? blockers.filter((blocker) => !blocker.bytes.includes('WRITE')) : [],
    };
  }

  const connection = openReadWrite(database, { ...normalProfile, foreignKeys: false }, settings);
  try {
    const started = context.clock.now();
    const { counts, tries } = await repeat(connection, request, context);
    const workMs = context.clock.now() - started;
    const behind = counts.busy || counts.checkpointedFrames < counts.logFrames;
    const after = behind ? await backlog(database, context) : undefined;
    return {
      ...result,
      logFrames: after?.logFrames ?? counts.logFrames,
      checkpointedFrames: after?.checkpointedFrames ?? counts.checkpointedFrames,
      busy: counts.busy && request.mode !== 'passive',
      backlogBeforeBytes: left(before),
      backlogAfterBytes: left(after ?? counts),
      walFileBytes: walFileBytes(),
      workMs,
      tries,
      blockers: behind ? findBlockers(database, after?.index, request.ownPid) : [],
    };
  } finally {
    connection.close();
  }
}

/** TRUNCATE reports zeros on success, so the counts of the last try are those of what it left. */
async function repeat(
  connection: Connection,
  request: CheckpointRequest,
  { clock, random, signal }: OperationContext,
): Promise<{ counts: WalCounts; tries: number }> {
  const started = clock.now();
  for (let tries = 1; ; tries += 1) {
    const counts = checkpointOnce(connection, request.mode);
    const complete = !counts.busy || request.mode === 'passive';
    if (complete || clock.now() - started >= request.timeoutMs) return { counts, tries };
    throwIfCancelled(signal);
    await clock.sleep(5 + random.next() * 20, signal);
  }
}

interface Backlog {
  readonly logFrames: number;
  readonly checkpointedFrames: number;
  readonly index: WalIndexHeader | null;
}

/** From the WAL-index as a child reads it, or from the WAL itself when nobody has an index of it. */
async function backlog(database: string, context: OperationContext): Promise<Backlog> {
  const reader = new LiveReader(database, context);
  try {
    const index = await reader.walIndex();
    if (index !== null) return { logFrames: index.maxFrame, checkpointedFrames: index.backfilledFrames, index };
    const scan = await reader.wal();
    return { logFrames: scan?.lastCommit?.frame ?? 0, checkpointedFrames: 0, index: null };
  } finally {
    await reader.close();
  }
}
