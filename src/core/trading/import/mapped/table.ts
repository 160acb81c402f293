import type { RawValue } from '../raw-value.ts';
import type { Reason } from '../reason.ts';
import type { RowRange, SourceRow } from '../source.ts';

/** Rows of one table or file, as streams of a mapping read them. */
export interface MappedTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: RowRange;
  /** Rows may change or come in between, so that every run has to read all of them. */
  readonly mutable: boolean;
  /** How its numbers write the point. */
  readonly decimal: '.' | ',';
  /** Columns that are not the source's own, such as the number of a line. */
  readonly ownColumns: readonly string[];
  /** Names the row, where the mapping names no key. */
  readonly key: readonly string[];
  /** Why a row could not be taken apart. */
  defect(row: SourceRow): { readonly reason: Reason; readonly detail: string } | undefined;
}

/** A table whose rows can be found by the value of a column. */
export interface JoinedTable extends MappedTable {
  /** In the order of the key. */
  find(column: string, value: RawValue): readonly SourceRow[];
}
