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
    group: 'Measuring',
    summary: 'where the private copy is made; the folder for temporary files otherwise',
  },
  showParameters: {
    type: 'flag',
    group: 'Measuring',
    summary: 'show statements with their values; they may hold data of your users',
  },
} as const;

/** The part of a request that says what is copied to where. */
export function scratchRequest(
  options: { readonly scratchDirectory: string | undefined },
  context: CommandContext,
): ScratchRequest {
  return {
    path: context.databasePath(),
    scratchParent:
      options.scratchDirectory === undefined
        ? context.host.temporaryDirectory
        : context.resolve(options.scratchDirectory),
    ownerId: context.host.pid,
    busyTimeoutMs: context.config.connection.busyTimeout,
  };
}
