import { realpathSync } from 'node:fs';
import { TradedbError } from '../../core/error.ts';
import type { Finding, Report } from '../../core/report.ts';
import type { AuditVerification } from '../../core/trading/audit/verify.ts';
import { repositoryOption } from '../backup/repository-option.ts';
import { type CommandContext, defineCommand, type OptionValues } from '../definition.ts';
import { type HealthAuditData, reportOf } from './audit-report.ts';

const options = {
  anchor: { type: 'flag', summary: 'note the proven head in the anchor file' },
  anchorFile: {
    type: 'path',
    value: 'file',
    config: 'trading.audit.anchorFile',
    summary: 'file of the anchors, outside of the database',
  },
  accept: {
    type: 'text',
    value: 'reason',
    summary: 'note why what was noted of this database before counts no longer, such as a restore; implies --anchor',
  },
  sinceAnchor: {
    type: 'flag',
    summary: 'read only what is newer than the newest anchor that holds; edits of rows before it go unnoticed',
  },
  repository: { ...repositoryOption, summary: 'also compare with the heads in the manifests of this repository' },
  export: {
    type: 'path',
    value: 'file',
    group: 'Export',
    summary: 'write the proven rows as JSON lines, and <file>.manifest.json',
  },
  since: {
    type: 'text',
    value: 'time',
    group: 'Export',
    summary: 'from the first row of this moment on (ISO 8601 with a zone)',
  },
  before: { type: 'text', value: 'time', group: 'Export', summary: 'up to the last row before this moment' },
  class: {
    type: 'text',
    value: 'name',
    group: 'Export',
    config: 'trading.retentionClasses',
    summary: 'retention class that the manifest names, with the time until which it wants the export kept',
  },
  verifyExport: {
    type: 'path',
    value: 'file',
    group: 'Export',
    summary: 'prove an export by its manifest and the anchors; with -d also against the log',
  },
} as const;

type Options = OptionValues<typeof options>;

export const definition = defineCommand({
  path: ['health', 'audit'],
  summary: 'prove the hash chain of the audit log, anchor it, export it',
  description:
    'Every row of audit_log holds the hash of the row before it. The walk computes every hash anew, names the first link that does not fit, and compares with the heads noted outside of the database: in the anchor file and in backup manifests. It shows edits, removals and insertions. It does not show a rewrite of the whole log, or a cut tail, that happened before the first anchor, and the log is no write-once storage: keep the anchor file where the writers of the database cannot reach it.',
  options,
  examples: [
    { command: 'health audit -d trading.db', does: 'walk the whole chain, compare with anchors and backups' },
    {
      command: 'health audit --anchor --anchor-file /mnt/notary/trading.anchors',
      does: 'note the proven head elsewhere',
    },
    {
      command:
        'health audit --export audit-2025.ndjson --since 2025-01-01T00:00:00Z --before 2026-01-01T00:00:00Z --class 6y',
      does: 'a year of the log as a file that proves itself',
    },
    { command: 'health audit --verify-export audit-2025.ndjson', does: 'prove it years later, without the database' },
  ],
  changes: true,
  quietWhenOk: true,
  formats: ['junit', 'prometheus', 'markdown'],
  exitCodes: {
    0: 'whole, and no anchor contradicts',
    3: 'whole, with a warning: a trigger or a line of the anchor file is damaged, or there is no log',
    10: 'the database, the export or the repository does not exist',
    11: 'locked until the timeout',
    12: 'the chain is broken, an anchor contradicts it, an export does not prove itself, or not a database',
  },
  async run({ options: given }, context) {
    requireSense(given);
    if (given.verifyExport !== undefined) return verifyExport(given.verifyExport, given, context);
    const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
    const path = context.databasePath();
    requireDatabaseFile(path);
    const { openReadOnly } = await import('../../core/sqlite/connection.ts');
    const busyTimeoutMs = context.config.connection.busyTimeout;
    const connection = openReadOnly(path, { clock: context.clock, random: context.random, busyTimeoutMs });
    try {
      const log = await verifyLog(connection, realpathSync(path), given, context);
      return await afterwards(connection, { log, database: realpathSync(path), given }, context);
    } finally {
      connection.close();
    }
  },
  exitCode: ({ status }) => (status === 'critical' ? 12 : status === 'warning' ? 3 : 0),
});

type Connection = import('../../core/sqlite/connection.ts').Connection;

function requireSense({
  export: file,
  since,
  before,
  class: name,
  verifyExport: check,
  anchor,
  accept,
  sinceAnchor,
}: Options): void {
  const refuse = (message: string): TradedbError =>
    new TradedbError('usage', message, { hint: 'see: tradedb health audit --help' });
  if (check !== undefined && (file !== undefined || anchor || accept !== undefined || sinceAnchor)) {
    throw refuse('--verify-export is a mode of its own');
  }
  if (file === undefined && [since, before, name].some((value) => value !== undefined)) {
    throw refuse('--since, --before and --class belong to --export');
  }
  if (sinceAnchor && (file !== undefined || anchor || accept !== undefined)) {
    throw refuse('--since-anchor proves too little for an export or a new anchor');
  }
  if (accept?.trim() === '') throw refuse('--accept needs a reason');
}

async function verifyLog(
  connection: Connection,
  database: string,
  given: Options,
  context: CommandContext,
): Promise<AuditVerification> {
  const [{ verifyAudit }, { anchorFileOf, backupSource, fileSource }, { databaseIdIfAny }] = await Promise.all([
    import('../../core/trading/audit/verify.ts'),
    import('./audit-anchors.ts'),
    import('../backup/repository-option.ts'),
  ]);
  const file = anchorFileOf(given.anchorFile, context);
  const backups = await backupSource(given.repository, await databaseIdIfAny(context), context);
  const sources = [
    ...(file === undefined ? [] : [await fileSource(file)]),
    ...(backups === undefined ? [] : [backups]),
  ];
  return verifyAudit(
    connection,
    { host: context.host.hostname, database, sources, sinceAnchor: given.sinceAnchor },
    context,
  );
}

/** Notes and exports what is proven; nothing of a log that is not whole. */
async function afterwards(
  connection: Connection,
  { log, database, given }: { log: AuditVerification; database: string; given: Options },
  context: CommandContext,
): Promise<Report<HealthAuditData>> {
  const { auditFindings } = await import('../../core/trading/audit/verify-findings.ts');
  const findings: Finding[] = auditFindings(log);
  const wants = given.anchor || given.accept !== undefined;
  const isProven = log.broken === null && (log.contradictions.length === 0 || given.accept !== undefined);
  const anchored = wants && isProven ? await note(log, database, given, context) : null;
  const exported = given.export === undefined ? null : await exportLog(connection, { log, database, given }, context);
  if (wants && !isProven) {
    findings.push({ id: 'audit.not_noted', severity: 'critical', message: 'the head is not noted: it is not proven' });
  }
  // What was just noted, or accepted, is no news any more.
  const settled = anchored === null ? [] : ['audit.no_anchor', ...(given.accept === undefined ? [] : ['audit.anchor'])];
  const left = findings.filter(({ id }) => !settled.includes(id));
  return reportOf(
    {
      mode: exported === null ? 'verify' : 'export',
      database,
      log,
      anchored,
      export: exported,
      dryRun: context.dryRun,
    },
    left,
    context,
  );
}

async function note(
  { head, chainStart }: AuditVerification,
  database: string,
  given: Options,
  context: CommandContext,
): Promise<HealthAuditData['anchored']> {
  const { anchorFileOf, noteAnchor } = await import('./audit-anchors.ts');
  const file = anchorFileOf(given.anchorFile, context);
  if (file === undefined) {
    throw new TradedbError('usage', 'no file for the anchors', {
      hint: 'name it with --anchor-file, or in the configuration: trading.audit.anchorFile',
    });
  }
  if (head === null || chainStart === null) return null;
  const { seq, hash } = head;
  if (!context.dryRun) {
    const at = new Date(context.clock.wallTime()).toISOString();
    const reason = given.accept === undefined ? {} : { reason: given.accept };
    await noteAnchor(file, {
      at,
      host: context.host.hostname,
      database,
      chainStart,
      seq,
      hash,
      by: 'health audit',
      ...reason,
    });
  }
  return { file, seq, hash };
}

async function exportLog(
  connection: Connection,
  { log, database, given }: { log: AuditVerification; database: string; given: Options },
  context: CommandContext,
): Promise<HealthAuditData['export']> {
  const [{ exportAudit, exportRange }, { retentionClass }] = await Promise.all([
    import('../../core/trading/audit/export.ts'),
    import('../../core/config/retention-class.ts'),
  ]);
  const { parseTime } = await import('../restore/parse-time.ts');
  const time = (text: string | undefined): number | undefined => (text === undefined ? undefined : parseTime(text));
  const range = exportRange(connection, {
    ...{ proven: log.proven, isWhole: log.broken === null },
    sinceMs: time(given.since),
    beforeMs: time(given.before),
  });
  const path = context.resolve(given.export ?? '');
  const name = given.class;
  const request = {
    ...{ file: path, database, host: context.host.hostname, tool: `tradedb ${context.host.version}`, ...range },
    retentionClass: name === undefined ? undefined : retentionClass(name, context.config.trading.retentionClasses),
    dryRun: context.dryRun,
  };
  return { path, manifest: await exportAudit(connection, request, context), problem: null };
}

async function verifyExport(file: string, given: Options, context: CommandContext): Promise<Report<HealthAuditData>> {
  const { examineExport } = await import('./audit-export.ts');
  const path = context.resolve(file);
  const { check, log, findings } = await examineExport(path, given, context);
  const database = log === undefined ? null : realpathSync(context.databasePath());
  const found = { path, manifest: check.manifest, problem: check.problem ?? null };
  return reportOf(
    { mode: 'verify-export', database, log: null, anchored: null, export: found, dryRun: context.dryRun },
    findings,
    context,
  );
}
