import type { DatabaseShape } from './lint-walk.ts';
import type { Migration, MigrationFile } from './migration.ts';
import type { Statement } from './statement.ts';

export const lintLevels = ['off', 'info', 'warning', 'error'] as const;
export type LintLevel = (typeof lintLevels)[number];

export interface LintHit {
  readonly message: string;
  readonly hint: string;
  readonly line: number;
  readonly column: number;
  /** When one hit of a rule weighs differently from the others. */
  readonly level?: LintLevel;
}

/** One file with all that is known about it. */
export interface LintTarget {
  readonly migration: Migration;
  readonly statements: readonly Statement[];
  readonly folder: readonly MigrationFile[];
  /** The schema before and after the file; undefined when the shadow did not get there. */
  readonly step: { readonly before: DatabaseShape; readonly after: DatabaseShape } | undefined;
  /** Why this file cannot run on the shadow. */
  readonly failure: { readonly reason: string; readonly line: number; readonly column: number } | undefined;
  readonly largeTableRows: number;
  /** Rows of a table in the real database; 0 without one. */
  rowsOf(table: string): number;
  readonly now: number;
}

export interface LintRule {
  readonly code: string;
  readonly level: LintLevel;
  readonly summary: string;
  check(target: LintTarget): readonly LintHit[];
}

export function hitAt(
  statement: Pick<Statement, 'line' | 'column'> | undefined,
  message: string,
  hint: string,
): LintHit {
  return { message, hint, line: statement?.line ?? 1, column: statement?.column ?? 1 };
}
