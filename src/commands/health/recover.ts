import { basename, dirname, join } from 'node:path';
import type { RecoverData } from '../../core/health/recovery/recover.ts';
import type { Report } from '../../core/report.ts';
import { type CommandContext, defineCommand, type ExitCode } from '../definition.ts';

export const definition = defineCommand({
  path: ['health', 'recover'],
  summary: 'bring back what is left of a damaged database, into a new file',
  description:
    'Everything is frozen first: database, -wal, -journal and -shm are copied into a case folder, and all later steps read these copies. The original is never changed. Where SQLite can still use the pages, a copy is brought to its last commit; otherwise the rows are read from the b-tree pages one by one. Rows without a certain place, and rows that may be deleted ones, go to quarantine.db in the case folder.',
  options: {
    method: {
      type: 'choice',
      choices: ['auto', 'replay', 'salvage'],
      default: 'auto',
      summary: 'auto: replay where the pages are sound, else salvage',
    },
    to: { type: 'path', value: 'file', summary: 'the recovered database; recovered.db in the case folder otherwise' },
    case: { type: 'path', value: 'folder', summary: 'new folder for the frozen files; beside the database otherwise' },
    schema: {
      type: 'path',
      value: 'file',
      summary: 'CREATE statements, for a database whose own schema is lost',
    },
    includeFreed: {
      type: 'flag',
      summary: 'put rows that may be deleted ones into their tables when they conflict with nothing',
    },
  },
  examples: [
    { command: 'health recover -d trading.db --dry-run', does: 'what is damaged and what each way would bring back' },
    { command: 'health recover -d trading.db --to recovered.db', does: 'recover into a new file' },
    { command: 'health recover -d trading.db --method salvage --schema schema.sql', does: 'when the schema is lost' },
  ],
  exitCodes: {
    0: 'recovered without known loss, or the plan of a dry run',
    1: 'nothing usable could be recovered; the original is as it was',
    3: 'recovered, with loss or rows in quarantine',
    10: 'database or schema file not found',
    11: 'a process is connected',
    12: 'the recovered file failed its verification',
  },
  formats: ['markdown'],
  changes: true,
  async run({ options }, context): Promise<Report<RecoverData>> {
    const [{ recover }, { factsOf }] = await Promise.all([
      import('../../core/health/recovery/recover.ts'),
      import('./facts.ts'),
    ]);
    const path = context.databasePath();
    const caseFolder = options.case === undefined ? defaultCase(path, context) : context.resolve(options.case);
    const { data, findings } = await recover(
      {
        path,
        method: options.method as 'auto' | 'replay' | 'salvage',
        caseFolder,
        resultPath: options.to === undefined ? join(caseFolder, 'recovered.db') : context.resolve(options.to),
        schemaPath: options.schema === undefined ? undefined : context.resolve(options.schema),
        includeFreed: options.includeFreed,
        dryRun: context.dryRun,
        backup: await factsOf(context).newestBackup?.(),
        timeoutMs: context.config.health.timeout,
        version: context.host.version,
      },
      context,
    );
    const status = context.dryRun ? 'ok' : (data.verification?.integrity.length ?? 0) > 0 ? 'critical' : lossOf(data);
    return context.report(data, { findings, status });
  },
  exitCode: ({ status }): ExitCode => (status === 'critical' ? 12 : status === 'warning' ? 3 : 0),
});

function lossOf(data: RecoverData): 'ok' | 'warning' {
  const broken = data.tables.some(({ brokenPages, rowsQuarantined }) => brokenPages > 0 || rowsQuarantined > 0);
  const lostCommits = data.damage.some((one) => one.class === 'wal-chain' || one.class === 'truncated');
  const references = (data.verification?.foreignKeyViolations ?? 0) > 0;
  const lost = broken || lostCommits || references || data.quarantine !== null || data.failedObjects.length > 0;
  const schemaLost = data.chosen === 'salvage' && data.schemaOrigin !== 'database';
  return lost || schemaLost ? 'warning' : 'ok';
}

/** Beside the database, with the time, so that every try has a case of its own. */
function defaultCase(path: string, context: CommandContext): string {
  const at = new Date(context.clock.wallTime()).toISOString().replace(/[-:]|\.\d+/g, '');
  return join(dirname(path), `${basename(path)}.recovery-${at}`);
}
