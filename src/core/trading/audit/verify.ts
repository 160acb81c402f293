import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { isoOfMicroseconds } from '../time.ts';
import {
  type AnchoredLog,
  acceptedAt,
  type Contradiction,
  judgeAll,
  type NotedAnchor,
  type SourceResult,
} from './anchor.ts';
import { auditStart } from './chain.ts';
import { faultyTriggers, type TriggerFault } from './guard-triggers.ts';
import { hasAuditLog, hashAt } from './head.ts';
import { type AuditWalk, type BrokenLink, walkAudit } from './walk.ts';

export interface AnchorSource extends Pick<SourceResult, 'source' | 'kind' | 'unreadable'> {
  readonly anchors: readonly NotedAnchor[];
}

export interface VerifyRequest {
  readonly host: string;
  /** Absolute path, links resolved. */
  readonly database: string;
  readonly sources: readonly AnchorSource[];
  /** Take what stands before the newest anchor that holds as proven: its rows are not read again. */
  readonly sinceAnchor: boolean;
}

export interface AuditVerification {
  /** False for a database without an audit log. */
  readonly isThere: boolean;
  /** The newest row as it stands there; null for an empty log. */
  readonly head: { readonly seq: number; readonly hash: string; readonly at: string } | null;
  readonly firstAt: string | null;
  readonly chainStart: string | null;
  /** Row behind which the walk began; 0: the beginning. */
  readonly after: number;
  /** Rows that were read and proven. */
  readonly rows: number;
  /** The last row that is proven. */
  readonly proven: number;
  readonly broken: BrokenLink | null;
  readonly triggers: readonly TriggerFault[];
  readonly sources: readonly SourceResult[];
  readonly contradictions: readonly Contradiction[];
}

/** Walks the chain and holds it against what was noted of it elsewhere. Reads only. */
export async function verifyAudit(
  connection: Connection,
  request: VerifyRequest,
  context: OperationContext,
): Promise<AuditVerification> {
  const { host, database, sources } = request;
  const isThere = hasAuditLog(connection);
  const end = isThere ? newestRow(connection) : undefined;
  const chainStart = isThere ? hashAt(connection, 1) : undefined;
  const log: AnchoredLog = {
    ...{ host, database, chainStart: end === undefined ? undefined : (chainStart ?? '') },
    headSeq: end?.seq ?? 0,
    hashAt: (seq) => hashAt(connection, seq),
  };
  const accepted = acceptedAt(
    sources.flatMap(({ anchors }) => anchors),
    log,
  );
  const judged = sources.map((source) => judgeAll(source, log, accepted));
  const contradictions = judged.flatMap((one) => one.contradictions);
  const results = judged.map(({ result }) => result);
  const start = request.sinceAnchor && contradictions.length === 0 ? newestHeld(results) : undefined;
  const walk = await walkAll(connection, { after: start, through: end?.seq }, context);
  return {
    isThere,
    head: end === undefined ? null : { seq: end.seq, hash: end.hash, at: isoOfMicroseconds(end.tsUs) },
    firstAt: end === undefined ? null : timeOfFirst(connection),
    ...{ chainStart: chainStart ?? null, after: start?.seq ?? 0 },
    ...{ rows: walk.rows, proven: walk.head.seq, broken: walk.broken ?? null },
    ...{ triggers: isThere ? faultyTriggers(connection) : [], sources: results, contradictions },
  };
}

interface StoredEnd {
  readonly seq: number;
  readonly tsUs: number;
  readonly hash: string;
}

function newestRow(connection: Connection): StoredEnd | undefined {
  return connection.get<StoredEnd>(
    'SELECT seq, ts_us AS tsUs, lower(hex(hash)) AS hash FROM audit_log ORDER BY seq DESC LIMIT 1',
  );
}

function timeOfFirst(connection: Connection): string {
  return isoOfMicroseconds(Number(connection.value('SELECT ts_us FROM audit_log ORDER BY seq LIMIT 1')));
}

function newestHeld(results: readonly SourceResult[]): { seq: number; hash: string } | undefined {
  return results.flatMap(({ last }) => (last === null ? [] : [last])).sort((a, b) => b.seq - a.seq)[0];
}

async function walkAll(
  connection: Connection,
  range: { readonly after: { seq: number; hash: string } | undefined; readonly through: number | undefined },
  context: OperationContext,
): Promise<AuditWalk> {
  const { after, through } = range;
  const head = after === undefined ? auditStart : { seq: after.seq, hash: Buffer.from(after.hash, 'hex') };
  if (through === undefined) return { rows: 0, head, broken: undefined };
  const total = Math.max(0, through - head.seq);
  const progress = context.progress.start({ id: 'audit', label: 'verify the audit log', unit: 'rows', total });
  try {
    const steps = walkAudit(connection, { after: head, through });
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) return step.value;
      progress.advance(step.value);
      throwIfCancelled(context.signal);
      await context.clock.sleep(0, context.signal);
    }
  } finally {
    progress.done();
  }
}
