import type { ScratchRequest } from '../../core/analysis/cost/scratch-copy.ts';
import type { CommandContext } from '../definition.ts';

/** Options of the commands that measure on a private copy. */
export const copyOptions = {
  timeLimit: {
    type: 'duration',
    value: 'duration',
    config: 'analyze.timeLimit',
    group: 'Measuring',
    summary: 'longest time spent on measuring',
  },
  scratchDirectory: {
    type: 'path',
    value: 'folder',
    config: 'analyze.scratchDirectory',
    group: 'Measuring',
    summary: 'where the private copy is made; the folder for temporary files otherwise',
  },
  showParameters: {
    type: 'flag',
    group: 'Measuring',
    summary: 'show statements with their values; they may hold data of your users',
  },
} as const;

export interface ScratchOptions {
  readonly timeLimit: number | undefined;
  readonly scratchDirectory: string | undefined;
}

/** The part of a request that says what is copied to where. */
export function scratchRequest(
  options: Pick<ScratchOptions, 'scratchDirectory'>,
  context: CommandContext,
): ScratchRequest {
  const { scratchDirectory } = context.config.analyze;
  return {
    path: context.databasePath(),
    scratchParent:
      options.scratchDirectory !== undefined
        ? context.resolve(options.scratchDirectory)
        : scratchDirectory !== undefined
          ? context.resolveConfigured(scratchDirectory)
          : context.host.temporaryDirectory,
    ownerId: context.host.pid,
    busyTimeoutMs: context.config.connection.busyTimeout,
  };
}
