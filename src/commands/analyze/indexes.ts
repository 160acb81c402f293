import type { AdviceData } from '../../core/analysis/index-advice/advice-data.ts';
import type { AdviceRequest } from '../../core/analysis/index-advice/advise.ts';
import type { CandidateKind } from '../../core/analysis/index-advice/propose.ts';
import type { Workload } from '../../core/analysis/workload/workload.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { adviceFindings } from './advice-finding.ts';
import { copyOptions, scratchRequest } from './copy-option.ts';
import { emitMigration, resolveMigrationFile } from './emit-migration.ts';
import { adviceExitCode, exitCodeOption } from './exit-code.ts';
import { seedOption, workloadIfAny, workloadOption } from './workload-option.ts';

const search = 'Search';
const kinds = ['plain', 'covering', 'partial', 'expression'] as const;

const searchOptions = {
  sizeBudget: { type: 'bytes', value: 'bytes', group: search, summary: 'all new indexes together; no limit otherwise' },
  maxIndexes: { type: 'integer', value: 'n', default: '20', minimum: 0, group: search, summary: 'new indexes at most' },
  kinds: {
    type: 'choice',
    choices: kinds,
    repeatable: true,
    group: search,
    summary: 'only these kinds; all otherwise',
  },
  drops: {
    type: 'choice',
    choices: ['none', 'redundant', 'unused'],
    default: 'redundant',
    group: search,
    summary: 'existing indexes that may go; "unused" trusts the workload to be complete',
  },
  pin: { type: 'text', value: 'index', repeatable: true, group: search, summary: 'never advise to drop this index' },
  maxSlowdown: {
    type: 'number',
    value: 'factor',
    default: '1.1',
    minimum: 1,
    group: search,
    summary: 'no query may become slower than this multiple of its time',
  },
  gainFloor: {
    type: 'number',
    value: 'ratio',
    default: '0.1',
    minimum: 0,
    group: search,
    summary: 'share of the cost that an index must save per share of the file that it takes',
  },
  engineStat4: {
    type: 'choice',
    choices: ['auto', 'yes', 'no'],
    default: 'auto',
    group: search,
    summary: 'plan like an engine with STAT4 or without; auto takes it from the capture file',
  },
} as const;

/** What the text shows besides the report; JSON has everything. */
export interface AdviceReportData extends AdviceData {
  readonly rejectedShown: boolean;
}

export const definition = defineCommand({
  path: ['analyze', 'indexes'],
  summary: 'advise which indexes to create and to drop, measured on a private copy',
  description:
    'With a workload, candidates are made from what its statements search and sort by, tried on a private copy, weighed against what they cost the writes and the disk, and confirmed on values that the search has not seen. Nothing is advised when nothing helps. Without a workload only duplicate indexes and foreign keys without an index are told. The database itself is never changed: the advice is a migration.',
  options: {
    workload: workloadOption,
    seed: seedOption,
    all: { type: 'flag', summary: 'also show what was considered and not taken' },
    emitMigration: {
      type: 'flag',
      summary: 'write the advice as a migration with rollback into the migrations folder',
    },
    migrationFile: { type: 'path', value: 'file', summary: 'write that migration into this file instead' },
    exitCode: exitCodeOption,
    ...searchOptions,
    ...copyOptions,
  },
  examples: [
    { command: "analyze indexes -d trading.db -w 'capture-*.jsonl'", does: 'advice for captured statements' },
    { command: 'analyze indexes -d trading.db -w workload.sql --emit-migration', does: 'also write the migration' },
    { command: 'analyze indexes -d trading.db', does: 'what the schema alone tells' },
  ],
  exitCodes: {
    0: 'done, advice or not',
    3: 'the time limit ended the search, or a statement does not prepare',
    4: 'there is advice, with --exit-code',
    10: 'database or workload not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['markdown'],
  async run({ options }, context) {
    const file = await resolveMigrationFile(options, context);
    const workload = await workloadIfAny(options, context);
    const found =
      workload === null
        ? await fromSchema(options.pin, context)
        : await fromWorkload(workload, adviceRequest(options, workload, context), context);
    const path = found.migration === null || file === undefined ? null : await emitMigration(found.migration, file);
    const migration = found.migration === null ? null : { ...found.migration, path };
    const data: AdviceReportData = { ...found, migration, rejectedShown: options.all };
    return context.report(data, { findings: adviceFindings(data) });
  },
  exitCode: adviceExitCode,
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
  options: {
    readonly seed: number;
    readonly timeLimit: number | undefined;
    readonly scratchDirectory: string | undefined;
    readonly maxIndexes: number;
    readonly sizeBudget: number | undefined;
    readonly maxSlowdown: number;
    readonly gainFloor: number;
    readonly kinds: readonly string[];
    readonly drops: string;
    readonly pin: readonly string[];
    readonly engineStat4: string;
  },
  workload: Workload,
  context: CommandContext,
): AdviceRequest {
  return {
    ...scratchRequest(options, context),
    workload,
    seed: options.seed,
    timeLimitMs: options.timeLimit ?? context.config.analyze.timeLimit,
    copyLimitBytes: context.config.analyze.copyLimit,
    maxIndexes: options.maxIndexes,
    sizeBudgetBytes: options.sizeBudget ?? Number.POSITIVE_INFINITY,
    maxSlowdown: options.maxSlowdown,
    gainFloor: options.gainFloor,
    minimumGain: 0.005,
    kinds: new Set((options.kinds.length === 0 ? kinds : options.kinds) as CandidateKind[]),
    drops: options.drops as AdviceRequest['drops'],
    pinned: options.pin,
    stat4: options.engineStat4 === 'auto' ? (workload.engine?.stat4 ?? true) : options.engineStat4 === 'yes',
  };
}
