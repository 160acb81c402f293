import { TradedbError } from '../../core/error.ts';
import type { ArchiveRequest, ArchiveResult } from '../../core/maintenance/archive/request.ts';
import type { Finding, Metric } from '../../core/report.ts';
import { type CommandContext, defineCommand, type OptionValues } from '../definition.ts';
import { chosenPolicies, policiesOf } from './archive-policies.ts';

const options = {
  table: { type: 'text', value: 'name', repeatable: true, summary: 'only the policies of these tables' },
  profile: {
    type: 'choice',
    choices: ['freqtrade', 'hummingbot', 'vnpy'],
    summary: "the policies proposed for this program's file, instead of those of the configuration",
  },
  timezone: {
    type: 'text',
    value: 'zone',
    summary: 'with --profile vnpy: the IANA time zone of its times, which the file does not name',
  },
  before: {
    type: 'text',
    value: 'time',
    summary: 'only rows before this moment (ISO 8601 with a zone); never later than the policy says',
  },
  archiveFormat: {
    type: 'choice',
    choices: ['parquet', 'sqlite'],
    config: 'maintenance.archive.format',
    summary: 'format of the new archives',
  },
  strictTypes: {
    type: 'flag',
    summary: 'refuse values that a Parquet column cannot hold, instead of keeping such rows as SQLite',
  },
  chunkRows: {
    type: 'integer',
    value: 'rows',
    minimum: 1,
    config: 'maintenance.archive.chunkRows',
    summary: 'most rows of one archive, and of one read snapshot',
  },
  folder: { type: 'path', value: 'folder', config: 'maintenance.archive.folder', summary: 'folder of the archives' },
  allowSlow: { type: 'flag', summary: 'accept foreign keys without an index on large tables' },
  keepRows: { type: 'flag', summary: 'archive without deleting' },
  idleOnly: {
    type: 'flag',
    summary: 'write only while others hardly commit (maintenance.vacuum.idleOnly, idleRate); reading goes on',
  },
  maxDuration: {
    type: 'duration',
    value: 'time',
    config: 'maintenance.vacuum.maxDuration',
    summary: 'stop after this time; a later run goes on',
  },
  window: { type: 'flag', summary: 'only inside a maintenance window, if any are configured; stop at its end' },
  exitCode: { type: 'flag', summary: 'with --dry-run: exit 4 when rows are due' },
  list: { type: 'flag', group: 'Other modes', summary: 'list the archives' },
  verify: {
    type: 'text',
    value: 'id',
    group: 'Other modes',
    summary: 'read an archive back and compare it with its ledger; all: every one',
  },
  query: {
    type: 'text',
    value: 'sql',
    group: 'Other modes',
    summary: 'answer a SELECT over the archives (of --table, or all), loaded into a temporary database',
  },
  resume: { type: 'flag', group: 'Other modes', summary: 'only finish what an interrupted run began' },
  restore: { type: 'text', value: 'id', group: 'Other modes', summary: 'give the rows of an archive back' },
  to: { type: 'path', value: 'file', group: 'With --restore', summary: 'into this new database' },
  intoTable: { type: 'flag', group: 'With --restore', summary: 'back into the tables they came from' },
  onConflict: {
    type: 'choice',
    choices: ['fail', 'skip', 'replace'],
    default: 'fail',
    group: 'With --restore',
    summary: 'when a row with that key is there: write nothing at all, leave it, or overwrite it',
  },
  includeStale: {
    type: 'flag',
    group: 'With --restore',
    summary: 'also old versions of rows that had changed and stayed in their table',
  },
} as const;

type Options = OptionValues<typeof options>;

export const definition = defineCommand({
  path: ['vacuum', 'archive'],
  summary: 'move old rows into verified archives, then delete them',
  description:
    'Follows the policies of maintenance.retention. Each month of a table goes into an archive (Parquet or SQLite) that is read back and compared before a row is deleted, in small transactions beside running writers. At every instant each row is in its table, in a verified archive, or in both; a killed run is finished by the next one.',
  options,
  changes: true,
  asks: true,
  formats: ['markdown', 'prometheus'],
  examples: [
    { command: 'vacuum archive --dry-run', does: 'which rows are due, and how much they are' },
    { command: 'vacuum archive --yes', does: 'archive and delete what is due' },
    {
      command: 'vacuum archive -d tradesv3.sqlite --profile freqtrade --folder archive --dry-run',
      does: 'what is proposed for the file of a freqtrade bot',
    },
    { command: 'vacuum archive --list', does: 'the archives there are' },
    { command: 'vacuum archive --verify all', does: 'read every archive back' },
    {
      command: 'vacuum archive --restore 2025-01-3fa9c214 --to january.db',
      does: 'the rows of an archive as a database',
    },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'done, or nothing is due',
    1: 'refused by the disk guard, or outside of the maintenance windows',
    3: 'stopped early, or rows that changed meanwhile stayed',
    4: 'rows are due (--dry-run --exit-code)',
    10: 'the database or the archive does not exist',
    11: 'locked, or another operation runs',
    12: 'an archive failed its verification (nothing was deleted with it)',
    15: 'an archive waits to be finished: --resume',
  },
  async run({ options }, context) {
    requireOneMode(options);
    const path = context.databasePath();
    const request = await requestOf(path, options, context);
    const started = context.clock.now();
    const { keepFreed, sizeOf } = await import('./note-freed.ts');
    const sizeBeforeBytes = sizeOf(path);
    const result = await runMode(options, request, context);
    if (result.mode === 'archive' || result.mode === 'resume') {
      const durationMs = Math.round(context.clock.now() - started);
      const sizes = { sizeBeforeBytes, sizeAfterBytes: sizeOf(path), freedBytes: 0 };
      keepFreed(path, { command: 'vacuum archive', ...archivedOf(result), ...sizes, durationMs }, context);
    }
    const findings = findingsOf(result);
    const { noteRun } = await import('../../core/run-record.ts');
    noteRun(context, 'archive', 'vacuum archive');
    return context.report(result, { findings, metrics: metricsOf(result) });
  },
  exitCode(report, { options }) {
    const { data } = report;
    const due = data.policies.reduce((sum, { rowsDue }) => sum + rowsDue, 0);
    if (data.dryRun) return options.exitCode && due > 0 ? 4 : 0;
    if (data.mode !== 'list' && data.pending.length > 0) return 15;
    return report.status === 'ok' ? 0 : 3;
  },
});

function requireOneMode({ list, verify, query, resume, restore, to, intoTable }: Options): void {
  const modes = [list, verify !== undefined, query !== undefined, resume, restore !== undefined].filter(Boolean).length;
  if (modes > 1)
    throw usage('--list, --verify, --query, --resume and --restore are modes of their own', 'give one of them');
  if (restore === undefined && (to !== undefined || intoTable))
    throw usage('--to and --into-table belong to --restore');
  if (restore !== undefined && (to === undefined) === !intoTable) {
    throw usage('--restore needs either --to or --into-table', 'write --to file.db to look at the rows first');
  }
}

function usage(message: string, hint?: string): TradedbError {
  return new TradedbError('usage', message, hint === undefined ? {} : { hint });
}

async function requestOf(path: string, options: Options, context: CommandContext): Promise<ArchiveRequest> {
  const { archive, vacuum } = context.config.maintenance;
  const folder =
    options.folder === undefined
      ? archive.folder === undefined
        ? undefined
        : context.resolveConfigured(archive.folder)
      : context.resolve(options.folder);
  if (folder === undefined) {
    throw usage(
      'no folder for the archives',
      'name it with --folder, or in the configuration: maintenance.archive.folder',
    );
  }
  const { parseTime } = await import('../restore/parse-time.ts');
  return {
    database: path,
    folder,
    policies:
      options.query === undefined ? chosenPolicies(await policiesOf(path, options, context), options.table) : [],
    before: options.before === undefined ? undefined : parseTime(options.before),
    format: options.archiveFormat,
    defaultFormat: archive.format,
    strictTypes: options.strictTypes,
    chunkRows: options.chunkRows ?? archive.chunkRows,
    rowGroupRows: archive.rowGroupRows,
    codec: archive.codec,
    windowEnd: await openWindow(options, context),
    restoreHoldMs: archive.restoreHold,
    allowSlow: options.allowSlow,
    keepRows: options.keepRows,
    maxDurationMs: options.maxDuration ?? vacuum.maxDuration,
    latencyBudgetMs: vacuum.latencyBudget,
    walBudgetBytes: vacuum.walBudget,
    duty: vacuum.duty,
    readerWaitMs: vacuum.readerWait,
    reserveBytes: archive.reserve,
    idleRate: options.idleOnly || vacuum.idleOnly ? vacuum.idleRate : undefined,
    busyTimeoutMs: context.config.connection.busyTimeout,
    dryRun: context.dryRun,
  };
}

/** End of the window that is open; throws `deadline_exceeded` outside of all. */
async function openWindow({ window }: Options, context: CommandContext): Promise<number | undefined> {
  if (!window || context.dryRun) return undefined;
  const { windowNow } = await import('./window-now.ts');
  const { windowEnd, outsideWindowUntil } = await windowNow(context);
  if (outsideWindowUntil === undefined) return windowEnd;
  throw new TradedbError(
    'deadline_exceeded',
    `outside of the maintenance windows; the next one starts ${outsideWindowUntil}`,
    {
      hint: 'run it without --window, or inside of one',
    },
  );
}

async function runMode(options: Options, request: ArchiveRequest, context: CommandContext): Promise<ArchiveResult> {
  if (options.list) {
    const { listArchives } = await import('../../core/maintenance/archive/list.ts');
    return listArchives(request);
  }
  if (options.verify !== undefined) {
    const { verifyArchives } = await import('../../core/maintenance/archive/list.ts');
    return verifyArchives(request, options.verify, context);
  }
  if (options.query !== undefined) {
    const { queryArchives } = await import('../../core/maintenance/archive/query.ts');
    const scratch = context.host.temporaryDirectory;
    const tables = options.table ?? [];
    return queryArchives({ ...request, sql: options.query, tables, scratch, mostRows: 10_000 }, context);
  }
  const work = await changingMode(options, request, context);
  if (context.dryRun || (options.restore !== undefined && options.to !== undefined)) return work();
  const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
  requireDatabaseFile(request.database);
  const { underDatabaseLease } = await import('./database-lease.ts');
  return underDatabaseLease(request.database, 'vacuum archive', context, work);
}

async function changingMode(
  options: Options,
  request: ArchiveRequest,
  context: CommandContext,
): Promise<() => Promise<ArchiveResult>> {
  const { probeDisk } = await import('../../core/maintenance/disk-guard.ts');
  const ports = { probeDisk, confirm: context.confirm };
  if (options.restore !== undefined) {
    const { restoreArchive } = await import('../../core/maintenance/archive/restore.ts');
    const { onConflict, includeStale, to } = options;
    const target = to === undefined ? undefined : context.resolve(to);
    const wanted = { ...request, archiveId: options.restore, to: target, onConflict, includeStale };
    return () => restoreArchive(wanted, ports, context);
  }
  const { runArchive, resumeArchive } = await import('../../core/maintenance/archive/run.ts');
  if (options.resume) return () => resumeArchive(request, ports, context);
  if (request.policies.length === 0) {
    throw usage(
      'there is no retention policy',
      'say which rows may leave, and when, in maintenance.retention.policies (docs/vacuum.md has examples)',
    );
  }
  return () => runArchive(request, ports, context);
}

const stopped = {
  duration: 'stopped at the end of its time',
  disk: 'stopped because the reserve of free disk space was reached',
  reader: 'stopped because a reader keeps the WAL from being checkpointed',
  busy: 'stopped because another process keeps the write lock',
  mismatch: 'stopped because the rows of an archive do not add up: deleted, changed and gone are not all of them',
} as const;

function findingsOf(result: ArchiveResult): Finding[] {
  const findings: Finding[] = [];
  if (result.stoppedBy !== 'done') {
    findings.push({
      id: `archive.stopped.${result.stoppedBy}`,
      severity: result.stoppedBy === 'mismatch' ? 'critical' : 'warning',
      message: stopped[result.stoppedBy],
      hint: 'run it again to go on; no row is lost',
    });
  }
  for (const id of result.mode === 'list' || !result.dryRun ? result.pending : []) {
    findings.push({
      id: 'archive.pending',
      severity: result.mode === 'list' ? 'info' : 'warning',
      subject: id,
      message: 'its rows are in the archive, and not all of them are deleted yet',
      hint: 'tradedb vacuum archive --resume',
    });
  }
  const stale = [
    ...result.policies.flatMap(({ chunks }) => chunks),
    ...(result.mode === 'resume' ? result.archives : []),
  ];
  for (const chunk of stale.filter((one) => one.stale > 0)) {
    findings.push({
      id: 'archive.stale',
      severity: 'warning',
      subject: chunk.id,
      message: `${chunk.stale} rows of ${chunk.table} changed, or are needed, since they were archived: they stayed`,
      hint: 'the next run archives them as they are then',
    });
  }
  for (const { table, heldUntil } of result.policies) {
    if (heldUntil === null) continue;
    const message = `rows were put back into ${table}; nothing of it is archived before ${heldUntil}`;
    findings.push({ id: 'archive.held', severity: 'info', subject: table, message });
  }
  return findings;
}

/** What a run moved out, for the history. */
function archivedOf({ policies, archives, stoppedBy }: ArchiveResult) {
  const chunks = [...policies.flatMap((policy) => policy.chunks), ...archives];
  const sum = (of: (chunk: (typeof chunks)[number]) => number): number =>
    chunks.reduce((total, chunk) => total + of(chunk), 0);
  const loose = policies.reduce((total, { deletedOnly }) => total + (deletedOnly?.deleted ?? 0), 0);
  return {
    how: [...new Set([...policies.map(({ table }) => table), ...archives.map(({ table }) => table)])].join(', '),
    rowsArchived: sum(({ rows }) => rows),
    rowsDeleted: sum(({ deleted }) => deleted) + loose,
    stoppedBy,
  };
}

function metricsOf(result: ArchiveResult): Metric[] {
  return result.policies.flatMap(({ table, rowsDue, chunks, deletedOnly }): Metric[] => {
    const labels = { table };
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
    const deleted = chunks.reduce((sum, chunk) => sum + chunk.deleted, 0) + (deletedOnly?.deleted ?? 0);
    return [
      { name: 'retention_due_rows', type: 'gauge', help: 'Rows due when the run began.', labels, value: rowsDue },
      { name: 'retention_archived_rows', type: 'gauge', help: 'Rows archived by this run.', labels, value: rows },
      { name: 'retention_deleted_rows', type: 'gauge', help: 'Rows deleted by this run.', labels, value: deleted },
    ];
  });
}
