import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import type { Finding } from '../../report.ts';
import { openMemory } from '../../sqlite/connection.ts';
import { requireDatabaseFile } from '../../sqlite/database-file.ts';
import type { BackupFacts } from '../check.ts';
import { sqliteJobs } from '../registry.ts';
import type { SchemaEntry } from '../schema-pages.ts';
import { SqlSession } from '../sql/sql-session.ts';
import { type FrozenFile, freeze, writeCaseFile } from './freeze.ts';
import { type Damage, inspectDamage, type PlannedWay, planRecovery } from './plan.ts';
import { replay } from './replay.ts';
import { type SalvageResult, salvage } from './salvage.ts';
import { openSalvageSource, type SalvageSource } from './salvage-source.ts';
import { entriesOfSql, findSchema, type SalvageSchema } from './schema-source.ts';

export interface RecoverRequest {
  readonly path: string;
  readonly method: 'auto' | 'replay' | 'salvage';
  /** New folder for the frozen files and all results. */
  readonly caseFolder: string;
  /** The recovered database; must not exist. */
  readonly resultPath: string;
  /** File with CREATE statements, for a database whose own schema is lost. */
  readonly schemaPath: string | undefined;
  readonly includeFreed: boolean;
  readonly dryRun: boolean;
  readonly backup: BackupFacts | undefined;
  readonly timeoutMs: number;
  readonly version: string;
}

export interface RecoverData {
  readonly database: string;
  readonly damage: readonly Damage[];
  readonly wal: { readonly frames: number; readonly commits: number; readonly ignored: string | null };
  readonly schemaOrigin: SalvageSchema['origin'];
  readonly plan: readonly PlannedWay[];
  /** Null in a dry run. */
  readonly chosen: 'replay' | 'salvage' | null;
  readonly caseFolder: string | null;
  readonly frozen: readonly FrozenFile[];
  readonly result: { readonly path: string; readonly sizeBytes: number } | null;
  readonly tables: SalvageResult['tables'];
  readonly failedObjects: SalvageResult['failedObjects'];
  readonly quarantine: { readonly rows: number; readonly path: string } | null;
  readonly verification: { readonly integrity: readonly string[]; readonly foreignKeyViolations: number } | null;
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
  if (request.dryRun) {
    const { source, schema, damage, plan } = inspect(request.path, fileSchema, request, context);
    source.close();
    return {
      data: { ...describe(source, schema, damage, plan), ...nothingDone(request) },
      findings: damageFindings(damage),
    };
  }
  refuseExisting(request);
  const frozen = await freeze(request.path, join(request.caseFolder, 'frozen'), context);
  const at = new Date(context.clock.wallTime()).toISOString();
  writeCaseFile(request.caseFolder, { version: request.version, at, original: request.path, files: frozen.files });
  const { source, schema, damage, plan } = inspect(frozen.database, fileSchema, request, context);
  try {
    const first = choose(request.method, plan);
    let chosen = first;
    let outcome = await attempt(first, source, schema, request, context);
    if (
      outcome === undefined ||
      (first === 'replay' && request.method === 'auto' && outcome.verification.integrity.length > 0)
    ) {
      // SQLite cannot use what is there: the rows are taken from the pages instead.
      removePartial(request);
      chosen = 'salvage';
      outcome = await attempt('salvage', source, schema, request, context);
    }
    if (outcome === undefined) throw new TradedbError('database_corrupt', 'nothing usable could be recovered');
    renameSync(`${request.resultPath}.partial`, request.resultPath);
    const data: RecoverData = {
      ...describe(source, schema, damage, plan),
      database: request.path,
      chosen,
      caseFolder: request.caseFolder,
      frozen: frozen.files,
      result: { path: request.resultPath, sizeBytes: statSync(request.resultPath).size },
      ...outcome,
    };
    return { data, findings: [...damageFindings(damage), ...resultFindings(data)] };
  } catch (error) {
    for (const suffix of ['', '-wal', '-shm', '-journal'])
      rmSync(`${request.resultPath}.partial${suffix}`, { force: true });
    throw error;
  } finally {
    source.close();
  }
}

function removePartial(request: RecoverRequest): void {
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    rmSync(`${request.resultPath}.partial${suffix}`, { force: true });
}

type Outcome = Pick<RecoverData, 'tables' | 'failedObjects' | 'quarantine'> & {
  readonly verification: NonNullable<RecoverData['verification']>;
};

/** Undefined when SQLite refuses what a replay made; with an explicit --method that is the operator's answer. */
async function attempt(
  chosen: 'replay' | 'salvage',
  source: SalvageSource,
  schema: SalvageSchema,
  request: RecoverRequest,
  context: OperationContext,
): Promise<Outcome | undefined> {
  try {
    const done = await carryOut(chosen, source, schema, request, context);
    return { ...done, verification: await verify(`${request.resultPath}.partial`, request, context) };
  } catch (error) {
    const unusable = error instanceof TradedbError && ['database_corrupt', 'not_a_database'].includes(error.code);
    if (unusable && chosen === 'replay' && request.method === 'auto') return undefined;
    throw error;
  }
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

function inspect(
  path: string,
  fileSchema: readonly SchemaEntry[] | undefined,
  request: RecoverRequest,
  context: OperationContext,
): { source: SalvageSource; schema: SalvageSchema; damage: Damage[]; plan: PlannedWay[] } {
  const source = openSalvageSource(path, context.clock, () => throwIfCancelled(context.signal));
  const schema = findSchema(source, fileSchema);
  const damage = inspectDamage(source);
  return { source, schema, damage, plan: planRecovery(source, schema, damage, request.backup) };
}

function describe(
  source: SalvageSource,
  schema: SalvageSchema,
  damage: readonly Damage[],
  plan: readonly PlannedWay[],
) {
  const { committedFrames, commits } = source.target.wal;
  return {
    damage,
    wal: { frames: committedFrames, commits, ignored: source.walIgnored ?? null },
    schemaOrigin: schema.origin,
    plan,
  };
}

function nothingDone(request: RecoverRequest) {
  return {
    database: request.path,
    chosen: null,
    caseFolder: null,
    frozen: [],
    result: null,
    tables: [],
    failedObjects: [],
    quarantine: null,
    verification: null,
  };
}

function refuseExisting(request: RecoverRequest): void {
  for (const path of [request.caseFolder, request.resultPath, `${request.resultPath}.partial`]) {
    if (!existsSync(path)) continue;
    throw new TradedbError('database_exists', `${JSON.stringify(path)} exists already`, { hint: 'name another place' });
  }
  if (dirname(request.resultPath) !== request.caseFolder && !existsSync(dirname(request.resultPath))) {
    throw new TradedbError('file_not_found', `folder ${JSON.stringify(dirname(request.resultPath))} does not exist`);
  }
}

function choose(method: RecoverRequest['method'], plan: readonly PlannedWay[]): 'replay' | 'salvage' {
  const way = plan.find((one) => one.method === 'replay');
  if (method === 'salvage') return 'salvage';
  if (way?.offered === true) return 'replay';
  if (method === 'auto') return 'salvage';
  throw new TradedbError('unsupported', `replay cannot help: ${way?.reason}`, { hint: 'use --method salvage' });
}

async function carryOut(
  chosen: 'replay' | 'salvage',
  source: SalvageSource,
  schema: SalvageSchema,
  request: RecoverRequest,
  context: OperationContext,
): Promise<Pick<RecoverData, 'tables' | 'failedObjects' | 'quarantine'>> {
  const resultPath = `${request.resultPath}.partial`;
  if (chosen === 'replay') {
    replay(source.target.path, resultPath, { withWal: source.walIgnored === undefined }, context);
    return { tables: [], failedObjects: [], quarantine: null };
  }
  const quarantinePath = join(request.caseFolder, 'quarantine.db');
  const { tables, failedObjects, quarantined } = salvage(
    source,
    schema,
    { resultPath, quarantinePath, includeFreed: request.includeFreed },
    context,
  );
  const quarantine = quarantined === 0 ? null : { rows: quarantined, path: quarantinePath };
  return { tables, failedObjects, quarantine };
}

async function verify(
  path: string,
  request: RecoverRequest,
  context: OperationContext,
): Promise<Outcome['verification']> {
  const session = new SqlSession(context, request.timeoutMs);
  try {
    await session.open(path, false, 5000);
    const job = (id: string) => {
      const found = sqliteJobs.find((one) => one.id === id);
      if (found === undefined) throw new Error(`no check ${id}`);
      return session.run(found);
    };
    const integrity = await job('sqlite.integrity');
    const references = await job('sqlite.foreign-keys');
    return {
      integrity: integrity.findings.map(({ message }) => message),
      foreignKeyViolations: references.value ?? 0,
    };
  } finally {
    await session.close();
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  }
}

function damageFindings(damage: readonly Damage[]): Finding[] {
  return damage.map(({ class: kind, count, message }) => ({
    id: `damage.${kind}`,
    severity: 'warning',
    message: count > 1 ? `${message} (and ${count - 1} more)` : message,
  }));
}

function resultFindings(data: RecoverData): Finding[] {
  const findings: Finding[] = [];
  const { quarantine, verification, failedObjects, result } = data;
  if (quarantine !== null) {
    findings.push({
      id: 'recover.quarantine',
      severity: 'warning',
      message: `${quarantine.rows} rows have no place in the result: ${quarantine.path}`,
      hint: 'look at table quarantined; --include-freed admits rows that may be deleted ones',
      values: { rows: quarantine.rows },
    });
  }
  for (const { type, name, reason } of failedObjects) {
    findings.push({ id: 'recover.object', severity: 'warning', subject: `${type} ${name}`, message: reason });
  }
  for (const message of verification?.integrity ?? []) {
    findings.push({ id: 'recover.verify', severity: 'critical', message });
  }
  if ((verification?.foreignKeyViolations ?? 0) > 0) {
    findings.push({
      id: 'recover.references',
      severity: 'warning',
      message: `${verification?.foreignKeyViolations} rows point to rows that were lost`,
      hint: `tradedb health -d ${result?.path} --tier daily`,
    });
  }
  return findings;
}
