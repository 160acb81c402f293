import { finding, type HealthCheck } from '../check.ts';
import { readRowsOf } from '../table-rows.ts';

export const migrationState: HealthCheck = {
  id: 'migration.state',
  sentence: 'the migrations of the folder and those of the database agree, and none is pending',
  cost: 'cheap',
  async run({ facts, target }) {
    if (target.header === undefined)
      return { summary: 'the header cannot be read', skipped: 'the header cannot be read' };
    const state = await facts.migrations?.((table) => readRowsOf(target, table));
    if (state === undefined) return { summary: 'no migrations', skipped: 'no migrations folder is configured' };
    const findings = state.conflicts.map((conflict) =>
      finding('migration.state', 'critical', conflict, { hint: 'see: tradedb migrate status' }),
    );
    if (state.pending.length > 0) {
      const names = state.pending.slice(0, 5).join(', ');
      const message = `${state.pending.length} pending: ${names}`;
      findings.push(finding('migration.state', 'warning', message, { hint: 'tradedb migrate up' }));
    }
    const summary = `${state.applied} applied, ${state.pending.length} pending`;
    return { summary, value: state.pending.length, unit: 'count', findings };
  },
};
