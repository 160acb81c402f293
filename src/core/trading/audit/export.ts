import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { classEnd, type RetentionClass } from '../../config/retention-class.ts';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import { makeFolder } from '../../make-folder.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { syncFolder } from '../../sync-folder.ts';
import { isoOfMicroseconds } from '../time.ts';
import { hashAt } from './head.ts';

/** What stands beside an exported part of the log, so that it can be proven without the database. */
export interface AuditExportManifest {
  readonly format: 'tradedb-audit-export';
  readonly version: 1;
  readonly file: { readonly name: string; readonly bytes: number; readonly sha256: string };
  readonly database: string;
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly exportedAt: string;
  readonly tool: string;
  readonly rows: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** Hashes in hexadecimal: of the row before the first (32 zero bytes before row 1), of the last, and of row 1. */
  readonly previousHash: string;
  readonly lastHash: string;
  readonly chainStart: string;
  /** How the hash of a row is made, for whoever has no tradedb. */
  readonly rule: string;
  /** Until when the class wants it to be kept, counted from its newest row; null in `until`: for ever. */
  readonly retention: { readonly class: string; readonly until: string | null } | null;
}

export const hashRule =
  'hash = SHA-256(bytes of prev_hash, then the UTF-8 of the JSON array [seq, ts_us, actor, action, entity, entity_id, payload] without spaces, payload as a text); the first prev_hash is 32 zero bytes';

export interface ExportRequest {
  /** Absolute path of the new file; its manifest is `<file>.manifest.json`. */
  readonly file: string;
  readonly fromSeq: number;
  readonly throughSeq: number;
  readonly database: string;
  readonly host: string;
  readonly tool: string;
  readonly retentionClass: RetentionClass | undefined;
  /** Nothing is written. */
  readonly dryRun: boolean;
}

export function exportManifestPath(file: string): string {
  return `${file}.manifest.json`;
}

/**
 * The rows from the first of `sinceMs` to the last before `beforeMs`, none left out between them. Throws `usage` when
 * there are none, and `checksum_mismatch` when they are not all proven.
 */
export function exportRange(
  connection: Connection,
  log: { proven: number; isWhole: boolean; sinceMs: number | undefined; beforeMs: number | undefined },
): Pick<ExportRequest, 'fromSeq' | 'throughSeq'> {
  const { proven, isWhole, sinceMs, beforeMs } = log;
  const from =
    sinceMs === undefined ? 1 : connection.value('SELECT min(seq) FROM audit_log WHERE ts_us >= ?', [sinceMs * 1000]);
  const through =
    beforeMs === undefined
      ? connection.value('SELECT max(seq) FROM audit_log')
      : connection.value('SELECT max(seq) FROM audit_log WHERE ts_us < ?', [beforeMs * 1000]);
  if (typeof from !== 'number' || typeof through !== 'number' || from > through) {
    throw new TradedbError('usage', 'the audit log has no rows of this time', {
      hint: 'look at its ends: tradedb health audit',
    });
  }
  if (!isWhole && through > proven) {
    throw new TradedbError('checksum_mismatch', `audit rows up to ${proven} are proven, ${through} is wanted`, {
      hint: 'with --before, the part in front of the broken link can be exported',
    });
  }
  return { fromSeq: from, throughSeq: Math.min(through, proven) };
}

const pageRows = 1000;

interface ExportedRow {
  readonly seq: number;
  readonly tsUs: number;
  readonly line: string;
}

/**
 * Writes rows that were proven before into a file of JSON lines, and its manifest last: an export with a manifest is
 * whole. Refuses to overwrite anything.
 */
export async function exportAudit(
  connection: Connection,
  request: ExportRequest,
  context: OperationContext,
): Promise<AuditExportManifest> {
  const { file, fromSeq, throughSeq } = request;
  for (const path of [file, exportManifestPath(file)]) {
    if (existsSync(path)) {
      throw new TradedbError('usage', `${JSON.stringify(path)} exists already`, { hint: 'name a new file' });
    }
  }
  if (!request.dryRun) makeFolder(dirname(file));
  const partial = `${file}.partial`;
  const total = throughSeq - fromSeq + 1;
  const progress = context.progress.start({ id: 'export', label: 'export the audit log', unit: 'rows', total });
  try {
    const output = new ExportFile(request.dryRun ? undefined : partial);
    let times: readonly [first: number, last: number];
    try {
      times = await copyRows(connection, request, output, { context, advance: (rows) => progress.advance(rows) });
    } finally {
      output.close();
    }
    if (!request.dryRun) {
      renameSync(partial, file);
      syncFolder(dirname(file));
    }
    const [firstAt, lastAt] = times.map(isoOfMicroseconds) as [string, string];
    const manifest: AuditExportManifest = {
      ...{ format: 'tradedb-audit-export', version: 1 },
      file: { name: basename(file), bytes: output.bytes, sha256: output.sha256 },
      ...{ database: request.database, host: request.host, tool: request.tool },
      exportedAt: new Date(context.clock.wallTime()).toISOString(),
      ...{ rows: total, firstSeq: fromSeq, lastSeq: throughSeq, firstAt, lastAt },
      previousHash: hashAt(connection, fromSeq - 1) ?? '0'.repeat(64),
      lastHash: hashAt(connection, throughSeq) ?? '',
      chainStart: hashAt(connection, 1) ?? '',
      rule: hashRule,
      retention: request.retentionClass === undefined ? null : keptUntil(request.retentionClass, times[1]),
    };
    if (!request.dryRun) writeManifest(exportManifestPath(file), manifest);
    return manifest;
  } catch (error) {
    throw fromFileSystem(error, file);
  } finally {
    progress.done();
    rmSync(partial, { force: true });
  }
}

function keptUntil(wanted: RetentionClass, lastUs: number): AuditExportManifest['retention'] {
  const until = classEnd(wanted, Math.ceil(lastUs / 1000));
  return { class: wanted.name, until: until === null ? null : new Date(until).toISOString() };
}

async function copyRows(
  connection: Connection,
  { fromSeq, throughSeq }: ExportRequest,
  output: ExportFile,
  { context, advance }: { context: OperationContext; advance: (rows: number) => void },
): Promise<readonly [first: number, last: number]> {
  const page = connection.prepare(
    `SELECT seq, ts_us AS tsUs, json_object('seq', seq, 'ts_us', ts_us, 'actor', actor, 'action', action,
       'entity', entity, 'entity_id', entity_id, 'payload', payload,
       'prev_hash', lower(hex(prev_hash)), 'hash', lower(hex(hash))) AS line
     FROM audit_log WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ${pageRows}`,
  );
  let first: number | undefined;
  let last = 0;
  for (let next = fromSeq; next <= throughSeq; ) {
    throwIfCancelled(context.signal);
    const rows = page.all<ExportedRow>([next, throughSeq]);
    const end = rows.at(-1);
    if (end === undefined || rows[0]?.seq !== next) {
      throw new TradedbError('checksum_mismatch', `audit row ${next} went away while the log was exported`);
    }
    output.write(rows.map(({ line }) => `${line}\n`).join(''));
    first ??= rows[0].tsUs;
    last = end.tsUs;
    next = end.seq + 1;
    advance(rows.length);
    await context.clock.sleep(0, context.signal);
  }
  return [first ?? last, last];
}

/** A file that is hashed while it is written, durable when it is closed; without a path only the hash is made. */
class ExportFile {
  bytes = 0;
  sha256 = '';
  readonly #file: number | undefined;
  readonly #hash = createHash('sha256');
  #isOpen = true;

  constructor(path: string | undefined) {
    if (path !== undefined) this.#file = openSync(path, 'w', 0o600);
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    this.#hash.update(bytes);
    if (this.#file !== undefined) for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.bytes += bytes.length;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.sha256 = this.#hash.digest('hex');
    if (this.#file === undefined) return;
    try {
      fsyncSync(this.#file);
    } finally {
      closeSync(this.#file);
    }
  }
}

function writeManifest(path: string, manifest: AuditExportManifest): void {
  const output = new ExportFile(`${path}.partial`);
  try {
    output.write(`${JSON.stringify(manifest, null, 2)}\n`);
  } finally {
    output.close();
  }
  renameSync(`${path}.partial`, path);
  syncFolder(dirname(path));
}
