import type { OperationContext } from '../../context.ts';
import { Adjustment } from './adjust.ts';
import type { BudgetedWrites, WriteStop } from './budgeted-writes.ts';
import { LiveUnit } from './live-unit.ts';
import type { PolicyPlan } from './plan.ts';
import { type ExactRow, ExactStatements, pageBytes } from './row.ts';
import { requireSchema } from './schema-guard.ts';

export interface DeleteDueResult {
  /** Rows of all tables of the policy. */
  readonly deleted: number;
  /** Rows of the first table that stayed because something that stays points to them. */
  readonly kept: number;
  readonly stoppedBy: WriteStop;
}

/** Deletes what a policy lets go without a copy, in small transactions. */
export async function deleteDue(
  plan: PolicyPlan,
  writes: BudgetedWrites,
  context: OperationContext,
): Promise<DeleteDueResult> {
  const live = new LiveUnit(new ExactStatements(writes.connection), plan.tables);
  const adjustment = Adjustment.of(writes.connection, plan.policy, plan.tables);
  const progress = context.progress.start({
    id: 'delete',
    label: `delete from ${plan.policy.table}`,
    unit: 'rows',
    total: plan.rowsDue,
  });
  let after: ExactRow | undefined;
  let deleted = 0;
  let kept = 0;
  try {
    const stoppedBy = await writes.run(
      (size) => {
        requireSchema(writes.connection, plan.schemaVersion);
        const batch = { deleted: 0, kept: 0, units: 0, lastKey: after };
        const page = live.duePage(plan.due, after, { rows: size, bytes: pageBytes });
        const left: ExactRow[] = [];
        for (const root of page) {
          const rows = deleteUnit(live, root);
          batch.deleted += rows;
          if (rows === 0) batch.kept += 1;
          else left.push(root.row);
          batch.lastKey = root.key;
        }
        adjustment?.run(left, 1);
        batch.units = page.length;
        return { result: batch, finished: page.length === 0 };
      },
      {
        prepare: async () => {},
        committed: (batch) => {
          after = batch.lastKey;
          deleted += batch.deleted;
          kept += batch.kept;
          progress.advance(batch.units);
        },
        burst: () => {},
      },
    );
    return { deleted, kept, stoppedBy };
  } finally {
    progress.done();
  }
}

/** Number of deleted rows; 0 when a row that stays points to one of them. */
function deleteUnit(live: LiveUnit, root: Parameters<LiveUnit['gather']>[0]): number {
  const tables = live.gather(root);
  if (tables.some((rows, table) => rows.some(({ key }) => live.referenced(table, key)))) return 0;
  let deleted = 0;
  for (let table = tables.length - 1; table >= 0; table -= 1) {
    for (const { key } of tables[table] ?? []) deleted += live.delete(table, key);
  }
  return deleted;
}
