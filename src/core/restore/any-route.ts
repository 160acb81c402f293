import type { Repository } from '../backup/repository/repository.ts';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { otherRoutes } from './point-in-time.ts';
import type { ResolvedState } from './resolve-target.ts';
import { type Restored, type RestoreRequest, restorePoint } from './restore.ts';

/** A way to the wanted state. */
export interface Candidate extends ResolvedState {
  readonly repository: Repository;
}

export interface FailedRoute {
  readonly repository: string;
  /** Backup that the route begins with; null for a repository that has none. */
  readonly backup: string | null;
  readonly message: string;
}

export interface RestoredByRoute {
  readonly restored: Restored;
  readonly used: Candidate;
  /** Routes that were tried before it. */
  readonly failed: readonly FailedRoute[];
}

/** The ways to the wanted state. */
export interface Routes {
  readonly first: Candidate;
  /** The same wish in other repositories; asked only when this one has no way left. */
  readonly elsewhere: () => AsyncIterable<Candidate>;
}

export type AnyRouteRequest = Omit<RestoreRequest, 'repository' | 'lineage' | 'route'> & Routes;

/** What may be wrong with one way and not with another. */
const damage: ReadonlySet<string> = new Set([
  'checksum_mismatch',
  'file_not_found',
  'backup_not_found',
  'repository_invalid',
  'io_error',
  'storage_refused',
  'storage_unavailable',
]);

export function isDamage(error: unknown): error is TradedbError {
  return error instanceof TradedbError && damage.has(error.code);
}

/** Restores by the first way whose inputs are whole; throws the first failure when there is none. */
export async function restoreByAnyRoute(request: AnyRouteRequest, context: OperationContext): Promise<RestoredByRoute> {
  const failed: FailedRoute[] = [];
  let first: unknown;
  for await (const used of candidates(request)) {
    const { repository, lineage, route } = used;
    try {
      const restored = await restorePoint({ ...request, repository, lineage, route }, context);
      return { restored, used, failed };
    } catch (error) {
      if (!isDamage(error)) throw error;
      first ??= error;
      const backup = lineage.at(-1)?.id ?? '';
      failed.push({ repository: repository.name, backup, message: error.message });
      context.log.warn('this way to the state is damaged; another one is looked for', {
        backup,
        message: error.message,
      });
    }
  }
  throw first;
}

async function* candidates({ first, elsewhere }: Routes): AsyncGenerator<Candidate> {
  yield first;
  yield* others(first);
  for await (const candidate of elsewhere()) {
    yield candidate;
    yield* others(candidate);
  }
}

async function* others(known: Candidate): AsyncGenerator<Candidate> {
  try {
    for await (const route of otherRoutes(known.repository, known)) {
      yield { repository: known.repository, lineage: route.lineage, route, time: known.time };
    }
  } catch (error) {
    // What cannot be read here is no way either.
    if (!isDamage(error)) throw error;
  }
}
