import type { Finding } from '../../core/report.ts';
import type { Candidate, FailedRoute, Routes } from '../../core/restore/any-route.ts';
import type { WantedState } from '../../core/restore/resolve-target.ts';
import { databaseIdIfAny, openChosen } from '../backup/repository-option.ts';
import type { CommandContext } from '../definition.ts';

export interface RoutesToState extends Routes {
  /** Repositories before the first one that has the state. */
  readonly failed: readonly FailedRoute[];
}

/**
 * The ways to a state: in the repository that was named, otherwise in those of the configuration, in their order. Throws
 * what the first one says when none has it.
 */
export async function routesTo(
  named: string | undefined,
  wanted: WantedState,
  context: CommandContext,
): Promise<RoutesToState> {
  const { isDamage } = await import('../../core/restore/any-route.ts');
  const names = [named, ...(named === undefined ? Object.keys(context.config.backup.repositories).slice(1) : [])];
  const failed: FailedRoute[] = [];
  let reason: unknown;
  for (const [index, name] of names.entries()) {
    try {
      const first = await candidateIn(name, wanted, context);
      return { first, elsewhere: () => others(names.slice(index + 1), wanted, context), failed };
    } catch (error) {
      if (!isDamage(error)) throw error;
      reason ??= error;
      const repository = name ?? Object.keys(context.config.backup.repositories)[0] ?? 'backups';
      failed.push({ repository, backup: null, message: error.message });
      if (index + 1 < names.length)
        context.log.warn(`the repository ${repository} has no such state`, { message: error.message });
    }
  }
  throw reason;
}

async function* others(
  names: readonly (string | undefined)[],
  wanted: WantedState,
  context: CommandContext,
): AsyncGenerator<Candidate> {
  const { isDamage } = await import('../../core/restore/any-route.ts');
  for (const name of names) {
    try {
      yield await candidateIn(name, wanted, context);
    } catch (error) {
      if (!isDamage(error)) throw error;
      context.log.warn(`the repository ${name} has no such state`, { message: error.message });
    }
  }
}

async function candidateIn(name: string | undefined, wanted: WantedState, context: CommandContext): Promise<Candidate> {
  const { resolveState } = await import('../../core/restore/resolve-target.ts');
  const repository = await openChosen(context, name);
  // A backup is found by its id alone; everything else needs to know whose state is meant.
  const databaseId = wanted.kind === 'backup' ? undefined : await databaseIdIfAny(context);
  return { repository, ...(await resolveState(repository, databaseId, wanted)) };
}

export function routeFinding({ repository, backup, message }: FailedRoute): Finding {
  return {
    id: 'restore.second_route',
    severity: 'warning',
    subject: backup ?? repository,
    message:
      backup === null
        ? `another repository was taken, because ${repository} does not have the state: ${message}`
        : `another way was taken, because this one in ${repository} is damaged: ${message}`,
    hint: 'tradedb backup verify',
  };
}
