import type { Workload } from '../../core/analysis/workload/workload.ts';
import { TradedbError } from '../../core/error.ts';
import { programNames } from '../../core/trading/profile/profile.ts';
import type { CommandContext } from '../definition.ts';

export const workloadOption = {
  type: 'text',
  value: 'file',
  short: 'w',
  env: 'TRADEDB_WORKLOAD',
  config: 'analyze.workload',
  repeatable: true,
  summary: 'annotated SQL file, capture file (.jsonl) or SQLAlchemy log (.log); * matches any text',
} as const;

export const profileOption = {
  type: 'choice',
  choices: programNames,
  summary: 'also the statements that this program runs all day, with its own weights',
} as const;

export const seedOption = {
  type: 'integer',
  value: 'n',
  default: '1',
  minimum: 0,
  maximum: 2 ** 32 - 1,
  summary: 'seed of the sample of parameter sets',
} as const;

/** Absolute patterns: those of the command line, otherwise those of the configuration. */
function workloadPatterns(typed: readonly string[], context: CommandContext): string[] {
  return typed.length > 0
    ? typed.map((pattern) => context.resolve(pattern))
    : context.config.analyze.workload.map((pattern) => context.resolveConfigured(pattern));
}

interface WorkloadOptions {
  readonly workload: readonly string[];
  readonly seed: number;
  /** A program whose statements are known. */
  readonly profile?: string | undefined;
}

async function profileFiles(profile: string | undefined): Promise<string[]> {
  if (profile === undefined) return [];
  const { workloadFile } = await import('../../core/trading/profile/workload-file.ts');
  return [workloadFile(profile)];
}

/** The workload, or null when none is named. */
export async function workloadIfAny(options: WorkloadOptions, context: CommandContext): Promise<Workload | null> {
  const patterns = [...workloadPatterns(options.workload, context), ...(await profileFiles(options.profile))];
  if (patterns.length === 0) return null;
  const { readWorkload } = await import('../../core/analysis/workload/read-workload.ts');
  return readWorkload(patterns, options.seed);
}

/** The workload; throws `usage` when none is named. */
export async function requireWorkload(options: WorkloadOptions, context: CommandContext): Promise<Workload> {
  const workload = await workloadIfAny(options, context);
  if (workload !== null) return workload;
  throw new TradedbError('usage', 'no workload is named', {
    hint: 'give -w <file.sql or capture.jsonl>, or list files in analyze.workload of the configuration',
  });
}
