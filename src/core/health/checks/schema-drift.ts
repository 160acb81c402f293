import { finding, type HealthCheck } from '../check.ts';
import { PageSource } from '../page-source.ts';
import { readSchema } from '../schema-pages.ts';
import { readRowsOf } from '../table-rows.ts';

const shown = 20;

export const schemaDrift: HealthCheck = {
  id: 'schema.drift',
  sentence: 'the schema is the one that the last migration left',
  cost: 'cheap',
  async run({ facts, target }) {
    if (target.header === undefined)
      return { summary: 'the header cannot be read', skipped: 'the header cannot be read' };
    const { entries, complete } = readSchema(new PageSource(target), target.usableSize);
    if (!complete) return { summary: 'the schema cannot be read', unknown: 'the schema cannot be read' };
    const drift = await facts.schemaDrift?.(entries, (table) => readRowsOf(target, table));
    if (drift === undefined) return { summary: 'no migrations', skipped: 'no migration recorded a schema' };
    const findings = drift.differences
      .slice(0, shown)
      .map(({ subject, message }) =>
        finding('schema.drift', 'warning', message, { subject, hint: 'tradedb migrate drift --sql' }),
      );
    const [first] = drift.differences;
    const summary =
      first === undefined
        ? `${drift.objectsCompared} objects as the last migration left them`
        : `${drift.differences.length} of ${drift.objectsCompared} objects differ: ${first.subject} ${first.message}`;
    return { summary, value: drift.differences.length, unit: 'count', findings };
  },
};
