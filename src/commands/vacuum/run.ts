import type { VacuumRequest, VacuumResult } from '../../core/maintenance/vacuum/request.ts';
import type { Finding, Metric } from '../../core/report.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { windowNow } from './window-now.ts';

export const definition = defineCommand({
  path: ['vacuum', 'run'],
  summary: 'give free space back, beside running writers where that is possible',
  description:
    'Chooses the way by itself: small steps beside the writers when auto_vacuum is incremental; a compact copy that is verified and put in place when nobody is connected; otherwise it says what stands in the way. Nothing is done when little would be gained.',
  options: {
    method: {
      type: 'choice',
      choices: ['auto', 'incremental', 'into', 'full'],
      default: 'auto',
      summary: 'the way; full is the plain VACUUM that stops every writer',
    },
    until: {
      type: 'share',
      value: 'share',
      config: 'maintenance.vacuum.until',
      summary: 'free share of the file that may stay',
    },
    latencyBudget: {
      type: 'duration',
      value: 'time',
      config: 'maintenance.vacuum.latencyBudget',
      summary: 'longest step of the incremental way',
    },
    walBudget: {
      type: 'bytes',
      value: 'size',
      config: 'maintenance.vacuum.walBudget',
      summary: 'WAL size at which it pauses for a checkpoint',
    },
    duty: {
      type: 'number',
      value: 'share',
      minimum: 0.01,
      maximum: 1,
      config: 'maintenance.vacuum.duty',
      summary: 'share of the time in which it works, from 0.01 to 1',
    },
    idleOnly: {
      type: 'flag',
      summary: 'work only while others hardly commit (maintenance.vacuum.idleOnly, idleRate); the incremental way',
    },
    maxDuration: {
      type: 'duration',
      value: 'time',
      config: 'maintenance.vacuum.maxDuration',
      summary: 'stop after this time with what is done',
    },
    convert: {
      type: 'choice',
      choices: ['none', 'incremental', 'full'],
      default: 'none',
      summary: 'change auto_vacuum while the file is rewritten',
    },
    to: { type: 'path', value: 'file', summary: 'make a compact copy there and leave the database as it is' },
    verify: {
      type: 'choice',
      choices: ['quick', 'full'],
      config: 'maintenance.vacuum.verify',
      summary: 'check of a compact copy before it counts',
    },
    keepOld: {
      type: 'duration',
      value: 'time',
      config: 'maintenance.vacuum.keepOld',
      summary: 'how long the replaced file is kept; a later run deletes it',
    },
    reserve: {
      type: 'bytes',
      value: 'size',
      config: 'maintenance.vacuum.reserve',
      summary: 'free disk space that is never used up',
    },
    window: { type: 'flag', summary: 'only inside a maintenance window, if any are configured; stop at its end' },
    resume: { type: 'flag', summary: 'finish or undo a compaction that was killed' },
  },
  changes: true,
  asks: true,
  formats: ['markdown', 'prometheus'],
  examples: [
    { command: 'vacuum --dry-run', does: 'what would be done, and what it would gain' },
    { command: 'vacuum --until 10% --max-duration 5m', does: 'give space back beside the engine, for five minutes' },
    { command: 'vacuum --convert incremental --yes', does: 'rewrite once, so that later runs work beside writers' },
    { command: 'vacuum --to compact.db', does: 'a compact, verified copy beside the running database' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'done, or not worth it',
    1: 'refused by the disk guard',
    3: 'stopped early, or not possible while the database is in use',
    10: 'the database does not exist',
    11: 'in use or locked',
    12: 'the compact copy failed its verification (the database is untouched), or not a database',
    15: 'a compaction was interrupted: --resume',
  },
  async run({ options }, context) {
    const path = context.databasePath();
    if (options.resume) return resume(path, context);
    const { runVacuum } = await import('../../core/maintenance/vacuum/run.ts');
    const { probeDisk } = await import('../../core/maintenance/disk-guard.ts');
    const { connectionProbe } = await import('../../core/maintenance/connected.ts');
    const configured = context.config.maintenance.vacuum;
    const request: VacuumRequest = {
      database: path,
      method: options.method,
      convert: options.convert,
      ...(options.to === undefined ? {} : { to: context.resolve(options.to) }),
      until: options.until ?? configured.until,
      latencyBudgetMs: options.latencyBudget ?? configured.latencyBudget,
      walBudgetBytes: options.walBudget ?? configured.walBudget,
      duty: options.duty ?? configured.duty,
      maxDurationMs: options.maxDuration ?? configured.maxDuration,
      verify: options.verify ?? configured.verify,
      keepOldMs: options.keepOld ?? configured.keepOld,
      reserveBytes: options.reserve ?? configured.reserve,
      readerWaitMs: configured.readerWait,
      idleRate: options.idleOnly || configured.idleOnly ? configured.idleRate : undefined,
      busyTimeoutMs: context.config.connection.busyTimeout,
      dryRun: context.dryRun,
      ...(options.window ? await windowNow(context) : {}),
    };
    const { environment, temporaryDirectory } = context.host;
    const work = () =>
      runVacuum(
        request,
        {
          probeDisk,
          probeConnections: connectionProbe(context.host.pid),
          temporaryFolder: environment('SQLITE_TMPDIR') ?? environment('TMPDIR') ?? temporaryDirectory,
          ownPid: context.host.pid,
          confirm: context.confirm,
        },
        context,
      );
    const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
    requireDatabaseFile(path);
    const { underDatabaseLease } = await import('./database-lease.ts');
    const result = context.dryRun ? await work() : await underDatabaseLease(path, 'vacuum run', context, work);
    const { noteRun } = await import('../../core/run-record.ts');
    noteRun(context, 'vacuum', 'vacuum run');
    if (result.method !== 'none' && result.method !== 'copy') {
      const { keepFreed } = await import('./note-freed.ts');
      const { before, after, freedBytes, method, workMs, stoppedBy } = result;
      const sizes = { sizeBeforeBytes: before.sizeBytes, sizeAfterBytes: after?.sizeBytes ?? before.sizeBytes };
      const freed = { freedBytes, rowsArchived: 0, rowsDeleted: 0, durationMs: workMs };
      keepFreed(
        path,
        { command: 'vacuum run', how: method, ...freed, ...sizes, stoppedBy: stoppedBy ?? 'done' },
        context,
      );
    }
    return context.report<VacuumRunData>(result, { findings: findingsOf(result), metrics: metricsOf(result) });
  },
});

/** A run, or the tidying up of an earlier one. */
export type VacuumRunData =
  | VacuumResult
  | { readonly database: string; readonly resumed: 'nothing' | 'undone' | 'finished'; readonly oldFile: string | null };

async function resume(path: string, context: CommandContext) {
  const { realpathSync } = await import('node:fs');
  const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
  const { resumeSwap } = await import('../../core/maintenance/vacuum/resume.ts');
  const { readSwapRecord } = await import('../../core/maintenance/vacuum/swap-file.ts');
  requireDatabaseFile(path);
  const database = realpathSync(path);
  if (context.dryRun) {
    const pending = readSwapRecord(database) !== undefined;
    const message = pending ? 'a compaction waits to be finished or undone' : 'nothing to resume';
    return context.report<VacuumRunData>(
      { database, resumed: 'nothing', oldFile: null },
      { findings: [{ id: 'vacuum.pending', severity: pending ? 'warning' : 'info', message }] },
    );
  }
  const settings = { ...context, busyTimeoutMs: context.config.connection.busyTimeout };
  const { action, oldFile } = resumeSwap(database, settings);
  return context.report<VacuumRunData>({ database, resumed: action, oldFile: oldFile ?? null });
}

const stopped = {
  duration: 'stopped at the end of its time, with what was done until then',
  disk: 'stopped because the reserve of free disk space was reached',
  reader: 'stopped because a reader keeps the WAL from being checkpointed, and it would grow without end',
  busy: 'stopped because another process keeps the write lock',
} as const;

function findingsOf(result: VacuumResult): Finding[] {
  const findings: Finding[] = [];
  if (result.blocked) {
    findings.push({
      id: 'vacuum.blocked',
      severity: 'warning',
      message: result.reason,
      hint: result.ways.join('; or '),
    });
  }
  if (result.stoppedBy !== null && result.stoppedBy !== 'done') {
    const names = result.blockers.map(
      (blocker) => `pid ${blocker.pid} (${blocker.command}) holds ${blocker.bytes.join(', ')}`,
    );
    findings.push({
      id: `vacuum.stopped.${result.stoppedBy}`,
      severity: 'warning',
      message: [stopped[result.stoppedBy], ...names].join('; '),
      hint: result.stoppedBy === 'reader' ? 'end that transaction, then run this again' : 'run it again to go on',
    });
  }
  for (const { pid, command } of result.swap.lateHolders) {
    findings.push({
      id: 'vacuum.late-holder',
      severity: 'warning',
      message: `pid ${pid} (${command}) still has the replaced file open; SQLite refuses its writes`,
      hint: 'restart that process',
    });
  }
  return findings;
}

function metricsOf(result: VacuumResult): Metric[] {
  const now = result.after ?? result.before;
  const gauge = (name: string, help: string, value: number): Metric => ({ name, type: 'gauge', help, value });
  return [
    gauge('vacuum_freed_bytes', 'Bytes given back by this run.', result.freedBytes),
    gauge('vacuum_duration_seconds', 'Length of this run.', result.workMs / 1000),
    gauge('database_bytes', 'Size of the database file.', now.sizeBytes),
    gauge('free_pages', 'Empty pages in the database file.', now.freePages),
  ];
}
