import type { Statement } from './statement.ts';

/** What a section did. */
export interface SectionResult {
  readonly statements: number;
  readonly rowsChanged: number;
  /** `rebuild` when one of its table changes had to copy the table, `native` when ALTER TABLE was enough. */
  readonly strategy: 'sql' | 'native' | 'rebuild' | 'program' | 'batches' | 'online';
  /** Rows without a parent that were there before the section and are still there. */
  readonly oldViolations: readonly { readonly table: string; readonly rows: number }[];
}

/** The same before the checks. */
export interface Done extends Pick<SectionResult, 'rowsChanged' | 'strategy'> {
  readonly statements: readonly Statement[];
}
