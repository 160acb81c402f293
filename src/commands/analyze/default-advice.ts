import { statSync } from 'node:fs';
import type { AdviceData } from '../../core/analysis/index-advice/advice-data.ts';
import type { Workload } from '../../core/analysis/workload/workload.ts';
import type { CommandContext } from '../definition.ts';
import { adviceSettings, parseKinds } from './advice-settings.ts';

interface Input {
  readonly options: {
    readonly seed: number;
    readonly timeLimit: number | undefined;
    readonly scratchDirectory: string | undefined;
  };
  readonly path: string;
}

/** Index advice with every choice at its default; from the schema alone without a workload or for a very large file. */
export async function defaultAdvice(
  workload: Workload | null,
  { options, path }: Input,
  context: CommandContext,
): Promise<AdviceData> {
  const copyLimitBytes = context.config.analyze.copyLimit;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (workload === null || size > copyLimitBytes) {
    const { adviseFromSchema } = await import('../../core/analysis/index-advice/advise-schema.ts');
    return adviseFromSchema(
      { path, busyTimeoutMs: context.config.connection.busyTimeout, pinned: context.config.analyze.indexes.pinned },
      context,
    );
  }
  const { adviseIndexes } = await import('../../core/analysis/index-advice/advise.ts');
  const settings = adviceSettings(options, workload, context);
  return adviseIndexes({ ...settings, workload, seed: options.seed, kinds: parseKinds([]) }, context);
}
