import type { AdviceData } from '../../core/analysis/index-advice/advice-data.ts';
import type { AdviceRequest } from '../../core/analysis/index-advice/advise.ts';
import type { CandidateKind } from '../../core/analysis/index-advice/propose.ts';
import type { Workload } from '../../core/analysis/workload/workload.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { failureFinding, runExitCode } from '../migrate/settings.ts';
import type { MigrateUpData } from '../migrate/up.ts';
import { adviceFindings } from './advice-finding.ts';
import { adviceSettings, allKinds, type IndexOptions, parseKinds } from './advice-settings.ts';
import { applyEmitted, prepareToApply } from './apply-advice.ts';
import { copyOptions, type ScratchOptions } from './copy-option.ts';
import { emitMigration, resolveMigrationFile } from './emit-migration.ts';
import { adviceExitCode, exitCodeOption } from './exit-code.ts';
import { profileOption, seedOption, workloadIfAny, workloadOption } from './workload-option.ts';

const search = 'Search';

const searchOptions = {
  sizeBudget: {
    type: 'text',
    value: 'size|percent',
    config: 'analyze.indexes.sizeBudget',
    group: search,
    summary: 'all new indexes together, such as 20MB, or 10% of the file; no limit otherwise',
  },
  maxIndexes: {
    type: 'integer',
    value: 'n',
    minimum: 0,
    config: 'analyze.indexes.maxIndexes',
    group: search,
    summary: 'new indexes at most',
  },
  kinds: {
    type: 'text',
    value: 'list',
    repeatable: true,
    group: search,
    summary: `only these kinds, separated by commas: ${allKinds.join(', ')}; all otherwise`,
  },
  drops: {
    type: 'choice',
    choices: ['none', 'redundant', 'unused'],
    config: 'analyze.indexes.drops',
    group: search,
    summary: 'existing indexes that may go; "unused" trusts the workload to be complete',
  },
  pin: {
    type: 'text',
    value: 'index',
    repeatable: true,
    config: 'analyze.indexes.pinned',
    group: search,
    summary: 'never advise to drop this index',
  },
  maxSlowdown: {
    type: 'number',
    value: 'factor',
    minimum: 1,
    config: 'analyze.indexes.maxSlowdown',
    group: search,
    summary: 'no query may become slower than this multiple of its time',
  },
  gainFloor: {
    type: 'number',
    value: 'ratio',
    minimum: 0,
    config: 'analyze.indexes.gainFloor',
    group: search,
    summary: 'share of the cost that an index must save per share of the file that it takes',
  },
  engineStat4: {
    type: 'choice',
    choices: ['auto', 'yes', 'no', 'both'],
    config: 'analyze.indexes.engineStat4',
    group: search,
    summary: 'plan like an engine with STAT4, without, or so that both gain; auto takes it from the capture file',
  },
} as const;

/** What the text shows besides the report; JSON has everything. */
export interface AdviceReportData extends AdviceData {
  readonly rejectedShown: boolean;
  /** What --apply did; null without it, or when there was nothing to apply. */
  readonly applied: MigrateUpData | null;
}

export const definition = defineCommand({
  path: ['analyze', 'indexes'],
  summary: 'advise which indexes to create and to drop, measured on a private copy',
  description:
    'With a workload, candidates are made from what its statements search and sort by, tried on a private copy, weighed against what they cost the writes and the disk, and confirmed on values that the search has not seen. Nothing is advised when nothing helps. Without a workload only duplicate indexes and foreign keys without an index are told. The advice is a migration; the database is changed by --apply alone, as migrate up does it.',
  options: {
    workload: workloadOption,
    profile: profileOption,
    seed: seedOption,
    all: { type: 'flag', summary: 'also show what was considered and not taken' },
    emitMigration: {
      type: 'flag',
      summary: 'write the advice as a migration with rollback into the migrations folder',
    },
    migrationFile: { type: 'path', value: 'file', summary: 'write that migration into this file instead' },
    apply: {
      type: 'flag',
      summary: 'write the migration and apply it at once; refused while other migrations are pending',
    },
    exitCode: exitCodeOption,
    ...searchOptions,
    ...copyOptions,
  },
  examples: [
    { command: "analyze indexes -d trading.db -w 'capture-*.jsonl'", does: 'advice for captured statements' },
    { command: 'analyze indexes -d trading.db -w workload.sql --emit-migration', does: 'also write the migration' },
    { command: 'analyze indexes -d trading.db -w workload.sql --apply --yes', does: 'write it and apply it' },
    { command: 'analyze indexes -d trading.db', does: 'what the schema alone tells' },
  ],
  exitCodes: {
    0: 'done, advice or not',
    3: 'the time limit ended the search, or a statement does not prepare',
    4: 'there is advice, with --exit-code',
    10: 'database or workload not found',
    11: 'database locked',
    12: 'not a database, or damaged',
    14: 'history conflict, with --apply',
  },
  formats: ['markdown'],
  changes: true,
  asks: true,
  async run({ options }, context) {
    const file = context.dryRun ? undefined : await resolveMigrationFile(options, context);
    if (options.apply) await prepareToApply(options.migrationFile, context);
    const kinds = parseKinds(options.kinds);
    const workload = await workloadIfAny(options, context);
    const found =
      workload === null
        ? await fromSchema([...options.pin, ...context.config.analyze.indexes.pinned], context)
        : await fromWorkload(workload, adviceRequest({ ...options, kinds }, workload, context), context);
    const path = found.migration === null || file === undefined ? null : await emitMigration(found.migration, file);
    const migration = found.migration === null ? null : { ...found.migration, path };
    const applied = path === null || !options.apply ? null : await applyEmitted(path, context);
    const data: AdviceReportData = { ...found, migration, rejectedShown: options.all, applied };
    const failed = applied !== null && (applied.failed !== null || applied.conflicts.length > 0);
    const findings = [...adviceFindings(data), ...(applied?.failed == null ? [] : [failureFinding(applied.failed)])];
    return context.report(data, { findings, ...(failed ? { status: 'failed' as const } : {}) });
  },
  exitCode(report, input) {
    const { applied } = report.data;
    return (applied === null ? undefined : runExitCode(applied)) ?? adviceExitCode(report, input);
  },
});

async function fromSchema(pinned: readonly string[], context: CommandContext): Promise<AdviceData> {
  const { adviseFromSchema } = await import('../../core/analysis/index-advice/advise-schema.ts');
  const busyTimeoutMs = context.config.connection.busyTimeout;
  return adviseFromSchema({ path: context.databasePath(), busyTimeoutMs, pinned }, context);
}

async function fromWorkload(workload: Workload, request: AdviceRequest, context: CommandContext): Promise<AdviceData> {
  const { adviseIndexes } = await import('../../core/analysis/index-advice/advise.ts');
  const data = await adviseIndexes(request, context);
  if (data.parity !== null && data.parity.equal < data.parity.total) {
    context.log.warn(
      `${data.parity.total - data.parity.equal} plans differ between the copy and the schema without rows`,
    );
  }
  for (const { reason, count } of workload.skipped) context.log.info(`left out ${count}: ${reason}`);
  return data;
}

function adviceRequest(
  options: ScratchOptions & IndexOptions & { readonly seed: number; readonly kinds: ReadonlySet<CandidateKind> },
  workload: Workload,
  context: CommandContext,
): AdviceRequest {
  return {
    ...adviceSettings(options, workload, context),
    workload,
    seed: options.seed,
    kinds: options.kinds,
  };
}
