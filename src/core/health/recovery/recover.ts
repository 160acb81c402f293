import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError } from '../../error.ts';
import type { Finding } from '../../report.ts';
import { openMemory } from '../../sqlite/connection.ts';
import { requireDatabaseFile } from '../../sqlite/database-file.ts';
import type { EvidenceSource } from '../evidence/page-evidence.ts';
import type { SchemaEntry } from '../schema-pages.ts';
import type { SqlJob } from '../sql/sql-job.ts';
import { carryOut, keepApart, type Places, removeUnfinished } from './carry-out.ts';
import {
  type FrozenCase,
  type FrozenFile,
  freeze,
  refuseChanged,
  refuseConnected,
  verifyFrozen,
  withPlaceHint,
} from './freeze.ts';
import { type Inspection, inspect } from './inspection.ts';
import { type Method, type PlannedWay, planRecovery, triedWays } from './plan.ts';
import {
  type DescribedPart,
  damageFindings,
  describeInspection,
  nothingDone,
  type Outcome,
  type RecoverData,
  resultFindings,
} from './recover-data.ts';
import { RecoveryCase } from './recovery-case.ts';
import { compareRows } from './row-diff.ts';
import { entriesOfSql } from './schema-source.ts';
import { verifyResult } from './verify-result.ts';

export interface RecoverRequest {
  readonly path: string;
  readonly method: 'auto' | Method;
  /** Folder for the frozen files and all results; new, unless `resume` is set. */
  readonly caseFolder: string;
  /** The recovered database; must not exist. */
  readonly resultPath: string;
  /** File with CREATE statements, for a database whose own schema is lost. */
  readonly schemaPath: string | undefined;
  readonly includeFreed: boolean;
  readonly includeWal: boolean;
  readonly dryRun: boolean;
  /** Goes on with a case that was interrupted. */
  readonly resume: boolean;
  /** Compare with this backup instead of the newest known state. */
  readonly backupId: string | undefined;
  readonly evidence: EvidenceSource;
  rules(tables: ReadonlySet<string>): Promise<readonly SqlJob[]>;
  /** Puts the result in the place of the database; the old files go to `aside`. Undefined: the result stays where it is. */
  readonly swap: SwapPort | undefined;
  readonly timeoutMs: number;
  readonly version: string;
}

export interface SwapPort {
  /** Throws before anything is done when the places do not allow it. */
  prepare(places: SwapPlaces): Promise<void>;
  run(places: SwapPlaces): Promise<void>;
}

export interface SwapPlaces {
  readonly target: string;
  readonly result: string;
  readonly aside: string;
}

export interface RecoverResult {
  readonly data: RecoverData;
  readonly findings: readonly Finding[];
}

/**
 * Brings back what is left of a database, into a new file. The original is only read: everything is frozen first, and
 * every later step reads the frozen copies. A dry run reads the original and writes nothing.
 */
export async function recover(request: RecoverRequest, context: OperationContext): Promise<RecoverResult> {
  requireDatabaseFile(request.path);
  const fileSchema = schemaOfFile(request, context);
  if (request.dryRun) return plan(request, fileSchema, context);
  const work = request.resume ? RecoveryCase.open(request.caseFolder, context.clock) : begin(request, context);
  const data = resultOf(work) ?? (await makeResult(request, work, fileSchema, context));
  const done = request.swap === undefined ? data : await swap(request.swap, data, work);
  return { data: done, findings: [...damageFindings(done.damage), ...resultFindings(done)] };
}

async function plan(
  request: RecoverRequest,
  fileSchema: readonly SchemaEntry[] | undefined,
  context: OperationContext,
): Promise<RecoverResult> {
  const inspection = await inspect({ ...request, fileSchema }, context);
  inspection.close();
  const described = describeInspection(inspection, planRecovery(inspection));
  return { data: { ...nothingDone, database: request.path, ...described }, findings: damageFindings(described.damage) };
}

function begin(request: RecoverRequest, context: OperationContext): RecoveryCase {
  refuseExisting(request);
  refuseConnected(request.path);
  const { path, method, resultPath, schemaPath, includeFreed, includeWal, backupId, version } = request;
  const facts = {
    path,
    method,
    resultPath,
    schemaPath,
    includeFreed,
    includeWal,
    backupId,
    version,
    swap: request.swap !== undefined,
  };
  try {
    return RecoveryCase.create(request.caseFolder, facts, context.clock);
  } catch (error) {
    throw withPlaceHint(error);
  }
}

/** A result that was finished before the interruption. */
function resultOf(work: RecoveryCase): RecoverData | undefined {
  return work.find('published')?.facts as RecoverData | undefined;
}

async function makeResult(
  request: RecoverRequest,
  work: RecoveryCase,
  fileSchema: readonly SchemaEntry[] | undefined,
  context: OperationContext,
): Promise<RecoverData> {
  const frozen = await frozenFiles(request, work, context);
  const places: Places = {
    resultPath: `${request.resultPath}.partial`,
    quarantinePath: work.path('quarantine.db'),
    workFolder: work.path('work'),
  };
  const inspection = await inspect({ ...request, path: frozen.database, fileSchema }, context);
  try {
    const described = describeInspection(inspection, planRecovery(inspection));
    work.writeJson('inspection.json', { ...described, plan: undefined });
    work.writeJson('plan.json', described.plan);
    removeUnfinished(places);
    const made = await tryWays(request, { work, inspection, described, places }, context);
    return await publish(request, { work, inspection, described, places, frozen, ...made }, context);
  } catch (error) {
    removeUnfinished(places);
    throw error;
  } finally {
    inspection.close();
  }
}

async function frozenFiles(
  request: RecoverRequest,
  work: RecoveryCase,
  context: OperationContext,
): Promise<FrozenCase> {
  const folder = work.path('frozen');
  const known = work.find('frozen')?.facts.files as readonly FrozenFile[] | undefined;
  if (known !== undefined) return verifyFrozen(folder, known);
  // Copies of an interrupted freeze: the original is as it was, so they are made again.
  rmSync(folder, { recursive: true, force: true });
  try {
    const frozen = await freeze(request.path, folder, context);
    const at = new Date(context.clock.wallTime()).toISOString();
    work.writeJson('case.json', { version: request.version, at, original: request.path, files: frozen.files });
    work.note('frozen', { files: frozen.files });
    return frozen;
  } catch (error) {
    if (!request.resume) rmSync(work.folder, { recursive: true, force: true });
    throw error;
  }
}

interface Work {
  readonly work: RecoveryCase;
  readonly inspection: Inspection;
  readonly described: DescribedPart;
  readonly places: Places;
}

interface Made {
  readonly chosen: Method;
  readonly outcome: Outcome;
  readonly attempts: RecoverData['attempts'];
}

/** One way after the other, best first, until one leads to a result that SQLite finds sound. */
async function tryWays(request: RecoverRequest, work: Work, context: OperationContext): Promise<Made> {
  const ways =
    request.method === 'auto' ? triedWays(work.described.plan) : [named(request.method, work.described.plan)];
  const attempts: RecoverData['attempts'][number][] = [];
  for (const [place, { method }] of ways.entries()) {
    const isLast = place === ways.length - 1;
    work.work.note('chosen', { method });
    try {
      const made = keepApart(
        await carryOut(method, work.inspection, work.places, request, context),
        method,
        work,
        context,
      );
      const verification = await verifyResult(work.places.resultPath, request, context);
      work.work.writeJson('verify.json', { method, ...verification });
      if (verification.integrity.length === 0 || isLast) {
        return { chosen: method, attempts, outcome: { ...made, verification } };
      }
      attempts.push({ method, reason: `integrity_check: ${verification.integrity[0]}` });
    } catch (error) {
      if (isLast || !(error instanceof TradedbError) || !goesOn.has(error.code)) throw error;
      attempts.push({ method, reason: error.message });
    }
    work.work.note('failed', { method, reason: attempts.at(-1)?.reason });
    removeUnfinished(work.places);
  }
  throw new TradedbError('database_corrupt', 'nothing usable could be recovered');
}

/** What another way may still get around. A full disk or an interruption is not among it. */
const goesOn: ReadonlySet<string> = new Set([
  'database_corrupt',
  'not_a_database',
  'sql_error',
  'unsupported',
  'checksum_mismatch',
  'constraint_violation',
  'backup_not_found',
]);

function named(method: Method, ways: readonly PlannedWay[]): PlannedWay {
  const way = ways.find((one) => one.method === method);
  if (way?.offered === true) return way;
  throw new TradedbError('unsupported', `${method} cannot help: ${way?.reason}`, {
    hint: 'see the plan: tradedb health recover --dry-run',
  });
}

async function publish(
  request: RecoverRequest,
  { work, inspection, described, places, frozen, ...made }: Work & Made & { readonly frozen: FrozenCase },
  context: OperationContext,
): Promise<RecoverData> {
  const comparison = await compare(inspection, work, places, context);
  renameSync(places.resultPath, request.resultPath);
  const data: RecoverData = {
    ...nothingDone,
    ...described,
    database: request.path,
    chosen: made.chosen,
    attempts: made.attempts,
    caseFolder: request.caseFolder,
    frozen: frozen.files,
    result: { path: request.resultPath, sizeBytes: statSync(request.resultPath).size },
    ...made.outcome,
    comparison,
  };
  work.note('published', { ...data });
  return data;
}

/** Row by row against the newest known state. */
async function compare(
  { found }: Inspection,
  work: RecoveryCase,
  places: Places,
  context: OperationContext,
): Promise<RecoverData['comparison']> {
  if (found === undefined) return null;
  const { evidence } = found;
  const backup = work.path('compared-backup.db');
  const rowsFile = work.path('missing-rows.ndjson');
  const remove = (): void => {
    for (const path of [backup, places.resultPath])
      for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
    rmSync(backup, { force: true });
  };
  rmSync(rowsFile, { force: true });
  remove();
  try {
    await evidence.restore(backup);
    const tables = compareRows(places.resultPath, backup, rowsFile, context);
    const at = new Date(evidence.stateAt).toISOString();
    return { backupId: evidence.backupId, at, tables, rowsFile: existsSync(rowsFile) ? rowsFile : null };
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code === 'cancelled') throw error;
    context.log.warn(`the result could not be compared with backup ${evidence.backupId}: ${error.message}`);
    return null;
  } finally {
    remove();
  }
}

async function swap(port: SwapPort, data: RecoverData, work: RecoveryCase): Promise<RecoverData> {
  if (work.find('swapped') !== undefined) return { ...data, swapped: work.find('swapped')?.facts as never };
  if ((data.verification?.integrity.length ?? 0) > 0) {
    throw new TradedbError('checksum_mismatch', 'the result failed its verification, so it takes nobody’s place', {
      hint: `look at ${work.path('verify.json')}`,
    });
  }
  const places: SwapPlaces = {
    target: data.database,
    result: data.result?.path ?? '',
    aside: work.path('damaged.db'),
  };
  refuseChanged(data.database, data.frozen, places.aside);
  await port.prepare(places);
  work.note('swapping', { ...places });
  await port.run(places);
  work.note('swapped', { oldDatabase: places.aside });
  const result = { path: places.target, sizeBytes: data.result?.sizeBytes ?? 0 };
  return { ...data, result, swapped: { oldDatabase: places.aside } };
}

function schemaOfFile(request: RecoverRequest, context: OperationContext): readonly SchemaEntry[] | undefined {
  if (request.schemaPath === undefined) return undefined;
  let sql: string;
  try {
    sql = readFileSync(request.schemaPath, 'utf8');
  } catch (error) {
    throw fromFileSystem(error, request.schemaPath);
  }
  const scratch = openMemory(context);
  try {
    return entriesOfSql(sql, scratch);
  } finally {
    scratch.close();
  }
}

function refuseExisting(request: RecoverRequest): void {
  for (const path of [request.caseFolder, request.resultPath, `${request.resultPath}.partial`]) {
    if (!existsSync(path)) continue;
    const hint = path === request.caseFolder ? 'name another place, or go on with --resume' : 'name another place';
    throw new TradedbError('database_exists', `${JSON.stringify(path)} exists already`, { hint });
  }
  if (dirname(request.resultPath) !== request.caseFolder && !existsSync(dirname(request.resultPath))) {
    throw new TradedbError('file_not_found', `folder ${JSON.stringify(dirname(request.resultPath))} does not exist`);
  }
}
