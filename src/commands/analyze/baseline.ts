import { cpus, loadavg } from 'node:os';
import type { BaselineMachine, StoredBaseline } from '../../core/analysis/baseline/baseline-file.ts';
import { TradedbError } from '../../core/error.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { copyOptions, scratchRequest } from './copy-option.ts';
import { requireWorkload, seedOption, workloadOption } from './workload-option.ts';

export interface BaselineData {
  readonly action: 'recorded' | 'listed' | 'deleted';
  /** Null for a list. */
  readonly name: string | null;
  readonly path: string | null;
  /** Queries in the baseline; null unless it was recorded. */
  readonly queries: number | null;
  readonly slices: number | null;
  /** Median time of the calibration scan. */
  readonly calibrationMs: number | null;
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  /** The baselines of the folder afterwards. */
  readonly baselines: readonly StoredBaseline[];
}

export const definition = defineCommand({
  path: ['analyze', 'baseline'],
  summary: 'record plans and times of a workload, for a comparison on another day',
  description:
    'Plans, costs, sizes and times, each time beside that of a fixed scan in memory, go into a file of analyze.baselineDirectory. It is readable for its owner alone, because it holds values of statements. Compare with: tradedb analyze compare --baseline <name>.',
  arguments: [{ name: 'name', summary: 'name of the baseline; an older one of the same name is replaced' }],
  options: {
    workload: workloadOption,
    seed: seedOption,
    list: { type: 'flag', summary: 'show the baselines that there are; nothing is measured' },
    delete: { type: 'text', value: 'name', summary: 'remove this baseline; nothing is measured' },
    runs: { type: 'integer', value: 'n', default: '20', minimum: 6, maximum: 1000, summary: 'slices of each query' },
    ...copyOptions,
  },
  examples: [
    { command: 'analyze baseline friday -d trading.db -w workload.sql', does: 'record' },
    { command: 'analyze baseline --list', does: 'what there is' },
    { command: 'analyze compare --baseline friday -d trading.db', does: 'compare on another day' },
  ],
  exitCodes: {
    0: 'recorded, listed or removed',
    3: 'recorded, but a statement could not be measured',
    10: 'database, workload or baseline not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['markdown'],
  async run({ options, arguments: [name] }, context) {
    const directory = baselineDirectory(context);
    const file = await import('../../core/analysis/baseline/baseline-file.ts');
    if (options.delete !== undefined) {
      if (name !== undefined || options.list) throw new TradedbError('usage', '--delete stands alone');
      const path = file.deleteBaseline(directory, options.delete);
      const baselines = file.listBaselines(directory);
      return context.report<BaselineData>({ ...nothing, action: 'deleted', name: options.delete, path, baselines });
    }
    if (options.list) return context.report<BaselineData>({ ...nothing, baselines: file.listBaselines(directory) });
    if (name === undefined) {
      throw new TradedbError('usage', 'the baseline needs a name', { hint: 'tradedb analyze baseline friday' });
    }
    file.baselinePath(directory, name);
    const workload = await requireWorkload(options, context);
    const { recordBaseline } = await import('../../core/analysis/baseline/record.ts');
    const { baseline, left } = await recordBaseline(
      {
        ...scratchRequest(options, context),
        name,
        workload,
        runs: options.runs,
        machine: await machineOf(context),
        timeLimitMs: options.timeLimit ?? context.config.analyze.timeLimit,
      },
      context,
    );
    const path = file.writeBaseline(directory, baseline);
    const { median } = await import('../../core/statistics/percentile.ts');
    const data: BaselineData = {
      action: 'recorded',
      name,
      path,
      queries: baseline.queries.length,
      slices: Math.min(...baseline.queries.map((query) => query.slices.length)),
      calibrationMs: median(baseline.calibrationMs),
      left,
      baselines: file.listBaselines(directory),
    };
    return context.report(data, {
      findings: left.map((one) => ({
        id: 'baseline.left',
        severity: 'warning',
        subject: one.name,
        message: `not in the baseline: ${one.reason}`,
      })),
    });
  },
});

const nothing: BaselineData = {
  action: 'listed',
  name: null,
  path: null,
  queries: null,
  slices: null,
  calibrationMs: null,
  left: [],
  baselines: [],
};

/** Where the baselines lie. */
export function baselineDirectory(context: CommandContext): string {
  return context.resolveConfigured(context.config.analyze.baselineDirectory);
}

async function machineOf({ host, ...context }: CommandContext): Promise<BaselineMachine> {
  const { fileSystemOf } = await import('../../core/file-access/file-system.ts');
  return {
    hostname: host.hostname,
    platform: `${host.platform} ${cpus()[0]?.model ?? ''}`.trim(),
    cores: host.cores,
    fileSystem: fileSystemOf(context.databasePath()).type,
    loadAverage: loadavg(),
  };
}
