import { statSync } from 'node:fs';
import type { AdviceRequest } from '../../core/analysis/index-advice/advise.ts';
import type { CandidateKind } from '../../core/analysis/index-advice/propose.ts';
import type { Workload } from '../../core/analysis/workload/workload.ts';
import { parseByteSize } from '../../core/config/byte-size.ts';
import { parseShare } from '../../core/config/value.ts';
import { TradedbError } from '../../core/error.ts';
import type { CommandContext } from '../definition.ts';
import { type ScratchOptions, scratchRequest } from './copy-option.ts';

export const allKinds = [
  'plain',
  'covering',
  'partial',
  'expression',
  'without-rowid',
] as const satisfies readonly CandidateKind[];

/** Kinds from lists such as `plain,covering`; all of them when none is named. */
export function parseKinds(lists: readonly string[]): Set<CandidateKind> {
  const words = lists.flatMap((list) => list.split(',')).map((word) => word.trim());
  const kinds = words.map((word) => {
    const kind = allKinds.find((one) => one === word);
    if (kind !== undefined) return kind;
    throw new TradedbError('usage', `--kinds: ${JSON.stringify(word)} is no kind of index`, {
      hint: `there are: ${allKinds.join(', ')}`,
    });
  });
  return new Set(kinds.length === 0 ? allKinds : kinds);
}

export interface IndexOptions {
  readonly maxIndexes?: number | undefined;
  readonly sizeBudget?: string | undefined;
  readonly maxSlowdown?: number | undefined;
  readonly gainFloor?: number | undefined;
  readonly drops?: 'none' | 'redundant' | 'unused' | undefined;
  readonly pin?: readonly string[];
  readonly engineStat4?: 'auto' | 'yes' | 'no' | 'both' | undefined;
}

/** What the advice keeps to: the options, otherwise `analyze.indexes` of the configuration. */
export function adviceSettings(
  options: ScratchOptions & IndexOptions,
  workload: Workload,
  context: CommandContext,
): Omit<AdviceRequest, 'workload' | 'seed' | 'kinds'> {
  const { indexes, timeLimit, copyLimit } = context.config.analyze;
  const scratch = scratchRequest(options, context);
  const stat4 = options.engineStat4 ?? indexes.engineStat4;
  return {
    ...scratch,
    timeLimitMs: options.timeLimit ?? timeLimit,
    copyLimitBytes: copyLimit,
    maxIndexes: options.maxIndexes ?? indexes.maxIndexes,
    sizeBudgetBytes: sizeBudget(options.sizeBudget ?? indexes.sizeBudget, scratch.path),
    maxSlowdown: options.maxSlowdown ?? indexes.maxSlowdown,
    gainFloor: options.gainFloor ?? indexes.gainFloor,
    minimumGain: indexes.minimumGain,
    drops: options.drops ?? indexes.drops,
    pinned: [...(options.pin ?? []), ...indexes.pinned],
    engineKnown: stat4 !== 'both',
    stat4: stat4 === 'auto' ? (workload.engine?.stat4 ?? true) : stat4 !== 'no',
  };
}

/** `20MB`, or `10%` of the file. */
function sizeBudget(text: string | undefined, path: string): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!text.trim().endsWith('%')) return parseByteSize(text);
  return Math.floor(parseShare(text) * (statSync(path, { throwIfNoEntry: false })?.size ?? 0));
}
