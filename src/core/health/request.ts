import type { HealthFacts } from './check.ts';
import type { SqlJob } from './sql/sql-job.ts';
import type { ThresholdSet } from './threshold.ts';
import type { Tier, TierSchedule } from './tier.ts';

export type DeepPlace = 'copy' | 'backup' | 'live';

/** What a health run is asked to do. */
export interface HealthRequest {
  readonly path: string;
  /** `due`: the dearest tier whose interval has passed. */
  readonly tier: Tier | 'due';
  /** Globs on check ids; empty: all. */
  readonly only: readonly string[];
  readonly skip: readonly string[];
  /** For all SQL checks together; undefined: 30 s quick, `longTimeoutMs` otherwise. */
  readonly timeoutMs: number | undefined;
  readonly longTimeoutMs: number;
  readonly scanBudgetMs: number;
  readonly copyLimitBytes: number;
  /** Where the deep checks with SQL run: a copy of the database, its restored newest backup, or the database itself. */
  readonly deepOn: DeepPlace;
  readonly busyTimeoutMs: number;
  readonly temporaryDirectory: string;
  readonly stateDirectory: string;
  /** False in a dry run: nothing is remembered. */
  readonly keepState: boolean;
  readonly thresholds: ThresholdSet;
  readonly schedule: TierSchedule;
  readonly facts: HealthFacts;
  /** Business rules for a database with these tables (names in lower case). */
  rules(tables: ReadonlySet<string>): Promise<readonly SqlJob[]>;
}

export const quickTimeoutMs = 30_000;

/** True when `id` is wanted by --only and --skip; `*` matches any text. */
export function isSelected(id: string, request: Pick<HealthRequest, 'only' | 'skip'>): boolean {
  const matches = (globs: readonly string[]): boolean => globs.some((glob) => globExpression(glob).test(id));
  return (request.only.length === 0 || matches(request.only)) && !matches(request.skip);
}

function globExpression(glob: string): RegExp {
  const parts = glob.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}
