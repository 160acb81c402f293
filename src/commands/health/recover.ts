import { basename, dirname, join } from 'node:path';
import { TradedbError } from '../../core/error.ts';
import type { RecoverRequest } from '../../core/health/recovery/recover.ts';
import type { RecoverData } from '../../core/health/recovery/recover-data.ts';
import type { Report } from '../../core/report.ts';
import { repositoryOption } from '../backup/repository-option.ts';
import { type CommandContext, defineCommand, type ExitCode, type OptionValues } from '../definition.ts';

const options = {
  method: {
    type: 'choice',
    choices: ['auto', 'replay', 'page-repair', 'reindex', 'vacuum-into', 'restore', 'salvage'],
    default: 'auto',
    summary: 'auto: the first way of the plan that leads to a sound result',
  },
  fromBackup: {
    type: 'text',
    value: 'id',
    summary: 'take pages and rows from this backup; otherwise the newest one, and the archived WAL after it',
  },
  repository: repositoryOption,
  to: { type: 'path', value: 'file', summary: 'the recovered database; recovered.db in the case folder otherwise' },
  case: {
    type: 'path',
    value: 'folder',
    summary: 'new folder for the frozen files; beside the database otherwise',
    config: 'recovery.caseFolder',
  },
  schema: { type: 'path', value: 'file', summary: 'CREATE statements, for a database whose own schema is lost' },
  includeFreed: {
    type: 'flag',
    summary: 'put rows that may be deleted ones into their tables when they conflict with nothing',
  },
  includeWal: {
    type: 'flag',
    summary: 'take a WAL that is older than the file; otherwise its rows are kept apart in table unproven',
  },
  swap: {
    type: 'flag',
    summary: 'put the verified result in the place of the database; the damaged files go to the case folder',
  },
  resume: {
    type: 'path',
    value: 'case',
    summary: 'go on with a recovery that was interrupted',
    group: 'After a crash',
  },
} as const;

type Given = OptionValues<typeof options>;

export const definition = defineCommand({
  path: ['health', 'recover'],
  summary: 'bring back what is left of a damaged database, into a new file',
  description:
    'Everything is frozen first: database, -wal, -journal and -shm are copied into a case folder, and all later steps read these copies. The original is never changed, unless --swap puts the result in its place. The ways are ranked by what they lose: replay of the WAL or journal, single pages from a backup by their hashes, VACUUM INTO, REINDEX after a vote of tables and indexes, restore with the archived WAL, and salvage of rows from the b-tree pages. Rows without a certain place go to quarantine.db in the case folder, rows on free pages are kept apart there as deleted ones. The result is checked by SQLite, by the business rules, and row by row against the backup.',
  options,
  examples: [
    { command: 'health recover -d trading.db --dry-run', does: 'what is damaged and what each way would bring back' },
    { command: 'health recover -d trading.db --to recovered.db', does: 'recover into a new file' },
    {
      command: 'health recover -d trading.db --method page-repair --swap',
      does: 'repair single pages, and put the file in place',
    },
    { command: 'health recover -d trading.db --method salvage --schema schema.sql', does: 'when the schema is lost' },
  ],
  exitCodes: {
    0: 'recovered without known loss, or the plan of a dry run',
    1: 'nothing usable could be recovered; the original is as it was',
    3: 'recovered, with loss or rows in quarantine',
    10: 'database, backup or schema file not found',
    11: 'a process is connected',
    12: 'the recovered file failed its verification',
    15: 'the exchange of the files is half done: --resume',
  },
  formats: ['markdown'],
  changes: true,
  asks: true,
  allowsPendingRestore: true,
  async run({ options: given }, context): Promise<Report<RecoverData>> {
    const { recover } = await import('../../core/health/recovery/recover.ts');
    const { data, findings } = await recover(await requestOf(given, context), context);
    const failed = (data.verification?.integrity.length ?? 0) > 0;
    const status = context.dryRun ? 'ok' : failed ? 'critical' : lossOf(data);
    return context.report(data, { findings, status });
  },
  exitCode: ({ status }): ExitCode => (status === 'critical' ? 12 : status === 'warning' ? 3 : 0),
});

async function requestOf(given: Given, context: CommandContext): Promise<RecoverRequest> {
  const [{ evidenceOf }, { rulesOf }, { swapPort }] = await Promise.all([
    import('./evidence.ts'),
    import('./rules-of.ts'),
    import('./recover-swap.ts'),
  ]);
  const shared = {
    dryRun: context.dryRun,
    evidence: evidenceOf(context, given.repository),
    rules: (tables: ReadonlySet<string>) => rulesOf(tables, context),
    timeoutMs: context.config.health.timeout,
    version: context.host.version,
  };
  if (given.resume !== undefined) return { ...shared, ...(await interrupted(given, context)) };
  const { refusePendingRestore } = await import('../../core/restore/pending.ts');
  const path = context.databasePath();
  refusePendingRestore(path);
  const caseFolder = given.case === undefined ? defaultCase(path, context) : context.resolve(given.case);
  return {
    ...shared,
    path,
    method: given.method as RecoverRequest['method'],
    caseFolder,
    resultPath: given.to === undefined ? join(caseFolder, 'recovered.db') : context.resolve(given.to),
    schemaPath: given.schema === undefined ? undefined : context.resolve(given.schema),
    includeFreed: given.includeFreed,
    includeWal: given.includeWal,
    backupId: given.fromBackup,
    resume: false,
    swap: given.swap ? swapPort(context) : undefined,
  };
}

/** The request as it was given to the interrupted recovery; --swap can be added. */
async function interrupted(given: Given, context: CommandContext) {
  if (context.dryRun) throw new TradedbError('usage', '--resume has no dry run: the plan is in plan.json of the case');
  const [{ RecoveryCase }, { swapPort }] = await Promise.all([
    import('../../core/health/recovery/recovery-case.ts'),
    import('./recover-swap.ts'),
  ]);
  const caseFolder = context.resolve(given.resume ?? '');
  const facts = RecoveryCase.open(caseFolder, context.clock).find('opened')?.facts as unknown as Pick<
    RecoverRequest,
    'path' | 'method' | 'resultPath' | 'includeFreed' | 'includeWal'
  > & { readonly schemaPath?: string; readonly backupId?: string; readonly swap: boolean };
  return {
    path: facts.path,
    method: facts.method,
    resultPath: facts.resultPath,
    includeFreed: facts.includeFreed,
    includeWal: facts.includeWal,
    schemaPath: facts.schemaPath,
    backupId: facts.backupId,
    caseFolder,
    resume: true,
    swap: facts.swap || given.swap ? swapPort(context) : undefined,
  };
}

function lossOf(data: RecoverData): 'ok' | 'warning' {
  const chosen = data.plan.find(({ method }) => method === data.chosen);
  const broken = data.tables.some((table) => table.brokenPages + table.rowsQuarantined + table.outdatedPages > 0);
  const references = (data.verification?.foreignKeyViolations ?? 0) + (data.verification?.rules.length ?? 0) > 0;
  const conflict = data.attempts.some(
    ({ method, reason }) => method === 'reindex' && reason.startsWith('REINDEX is refused'),
  );
  const aside =
    (data.quarantine?.rows ?? 0) + (data.quarantine?.unprovenRows ?? 0) > 0 || data.failedObjects.length > 0;
  return chosen?.lossless !== true || broken || references || aside || conflict ? 'warning' : 'ok';
}

/** With the time, so that every try has a case of its own. */
function defaultCase(path: string, context: CommandContext): string {
  const at = new Date(context.clock.wallTime()).toISOString().replace(/[-:]|\.\d+/g, '');
  const folder = context.config.recovery.caseFolder;
  const place = folder === undefined ? dirname(path) : context.resolveConfigured(folder);
  return join(place, `${basename(path)}.recovery-${at}`);
}
