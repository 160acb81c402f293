import { TradedbError } from '../../error.ts';
import { readReferences } from '../../schema/introspect.ts';
import { foldName } from '../../schema/normalise.ts';
import type { Connection } from '../../sqlite/connection.ts';

/** Violations of one child table. `unchecked` holds SQLite's words when the check itself is impossible. */
interface TableViolations {
  readonly rows: ReadonlyMap<string, Violation>;
  readonly unchecked: string | undefined;
}

interface Violation {
  readonly child: string;
  readonly rowid: number | null;
  readonly parent: string;
  readonly count: number;
}

export type ViolationRecord = ReadonlyMap<string, TableViolations>;

/** The tables named, as children, and the children of the tables named. */
function childrenOf(connection: Connection, names: ReadonlySet<string>): string[] {
  const children = new Map<string, string>();
  for (const { child, parent } of readReferences(connection)) {
    if (names.has(foldName(child)) || names.has(foldName(parent))) children.set(foldName(child), child);
  }
  return [...children.values()];
}

/** Foreign key violations around the tables named, as they are now. */
export function recordViolations(connection: Connection, names: ReadonlySet<string>): ViolationRecord {
  return new Map(childrenOf(connection, names).map((child) => [foldName(child), checkTable(connection, child)]));
}

function checkTable(connection: Connection, child: string): TableViolations {
  const rows = new Map<string, Violation>();
  try {
    const found = connection.iterate<{ rowid: number | null; parent: string }>(
      `SELECT rowid, parent FROM pragma_foreign_key_check(?, 'main')`,
      [child],
    );
    for (const { rowid, parent } of found) {
      const key = `${foldName(parent)}\0${rowid ?? ''}`;
      rows.set(key, { child, rowid, parent, count: (rows.get(key)?.count ?? 0) + 1 });
    }
    return { rows, unchecked: undefined };
  } catch (error) {
    // A parent key that is not unique makes the check throw instead of reporting.
    if (!(error instanceof TradedbError) || error.code !== 'sql_error') throw error;
    return { rows, unchecked: error.message };
  }
}

export interface ViolationProblem {
  readonly child: string;
  readonly reason: string;
}

/** Violations that were not there before; old ones are tolerated. `rebuilt` tables may have new rowids. */
export function newViolations(
  before: ViolationRecord,
  after: ViolationRecord,
  rebuilt: ReadonlySet<string>,
): ViolationProblem[] {
  const problems: ViolationProblem[] = [];
  for (const [child, now] of after) {
    const old = before.get(child) ?? { rows: new Map(), unchecked: undefined };
    if (now.unchecked !== undefined) {
      if (old.unchecked === undefined)
        problems.push({ child, reason: `foreign keys of ${child} cannot be checked any more: ${now.unchecked}` });
      continue;
    }
    // With new rowids only the number of violations can be compared.
    if (rebuilt.has(child) && total(now) <= total(old)) continue;
    const added = [...now.rows]
      .filter(([key, violation]) => violation.count > (old.rows.get(key)?.count ?? 0))
      .map(([, violation]) => violation);
    if (added.length > 0 && old.unchecked === undefined) problems.push({ child, reason: describe(added) });
  }
  return problems;
}

/** Child tables with violations, and how many rows. */
export function listViolations(record: ViolationRecord): { table: string; rows: number }[] {
  return [...record.values()].flatMap((table) => {
    const first = [...table.rows.values()][0];
    return first === undefined ? [] : [{ table: first.child, rows: total(table) }];
  });
}

function total(table: TableViolations): number {
  return [...table.rows.values()].reduce((sum, violation) => sum + violation.count, 0);
}

function describe(added: readonly Violation[]): string {
  const first = added[0] as Violation;
  const count = added.reduce((sum, violation) => sum + violation.count, 0);
  const rowids = added.map((violation) => violation.rowid).filter((rowid) => rowid !== null);
  const example =
    rowids.length === 0 ? '' : ` (rowid ${rowids.slice(0, 3).join(', ')}${rowids.length > 3 ? ', ...' : ''})`;
  return `would leave ${count} ${count === 1 ? 'row' : 'rows'} of ${first.child}${example} without a parent in ${first.parent}`;
}
