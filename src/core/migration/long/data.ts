import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import type { DataDirective } from '../data-directive.ts';
import { failureAt, type Place } from '../failure.ts';
import type { Statement } from '../statement.ts';
import { requireFit } from './data-fit.ts';
import { KeyRange } from './key-range.ts';
import { bindKey } from './key-value.ts';
import { advanced, type LongRun } from './long-run.ts';
import { Pacing } from './pacing.ts';
import { type DataWork, textOf } from './progress.ts';

/**
 * Runs one statement in batches along a key. Each batch and the progress share a transaction, so a batch has its effect
 * exactly once whatever happens to the process. Foreign keys are enforced: no batch leaves a row without a parent.
 */
export async function runData(run: LongRun, statement: Statement, directive: DataDirective): Promise<void> {
  const { connection, context } = run.session;
  const { line, column, text } = statement;
  const place: Place = { ...run.step.place, line, column, statement: text };
  const { foreignKeys } = run.step.section.options;
  const table = requireFit(connection, { statement, directive, place, foreignKeys });
  const range = new KeyRange(connection, table, directive.key);
  const enforced = Number(connection.pragmaValue('foreign_keys'));
  const started = context.clock.now();
  connection.pragma('foreign_keys = ON');
  try {
    const rowsChanged = await runBatches(run, { statement, place, range, most: directive.batch });
    run.session.onStatement?.(statement, { rowsChanged, durationMs: context.clock.now() - started });
  } finally {
    connection.pragma(`foreign_keys = ${enforced}`);
  }
}

interface Batches {
  readonly statement: Statement;
  readonly place: Place;
  readonly range: KeyRange;
  readonly most: number | undefined;
}

async function runBatches(run: LongRun, { statement, place, range, most }: Batches): Promise<number> {
  const { session, step, settings, open } = run;
  const { connection, context } = session;
  const { batch, ...pace } = settings.data;
  const rows = most ?? batch;
  const pacing = new Pacing({ ...pace, batchRows: [Math.min(100, rows), rows] }, context);
  const earlier = open.progress.work;
  let work = earlier?.kind === 'data' ? earlier : atStart(range);
  const task = context.progress.start({ id: 'data', label: step.place.file, unit: 'rows', total: work.rowsTotal });
  task.advance(work.rowsDone);
  let since = context.clock.now();
  try {
    for (;;) {
      session.onStart?.(place);
      let next = work;
      const hold = await open.transaction(() => {
        const slice = work.end === null ? undefined : range.next(work.after, work.end, pacing.rows);
        if (slice === undefined) return advanced(run, work.rowsChanged);
        const bounds = { after: range.bind(work.after), upto: bindKey(slice.upto) };
        const now = context.clock.now();
        next = {
          ...work,
          after: slice.upto,
          rowsDone: work.rowsDone + slice.rows,
          rowsChanged: work.rowsChanged + runBatch(connection, statement, { bounds, place }),
          elapsedMs: Math.round(work.elapsedMs + now - since),
        };
        since = now;
        return { ...open.progress, text: textOf(step.section, 1), work: next };
      });
      if (next === work) return work.rowsChanged;
      task.advance(next.rowsDone - work.rowsDone);
      work = next;
      if (session.rehearse !== true) await pacing.rest(hold);
    }
  } finally {
    task.done();
  }
}

function atStart(range: KeyRange): DataWork {
  const { end, rows } = range.measure();
  return { kind: 'data', after: null, end, rowsDone: 0, rowsTotal: rows, rowsChanged: 0, elapsedMs: 0 };
}

function runBatch(
  connection: Connection,
  statement: Statement,
  { bounds, place }: { bounds: { after: SqlValue; upto: SqlValue }; place: Place },
): number {
  let changes: number;
  try {
    const prepared = connection.statement(statement.text);
    if (prepared.returnsRows) {
      prepared.all(bounds);
      changes = Number(connection.value('SELECT changes()'));
    } else changes = prepared.run(bounds).changes;
  } catch (error) {
    throw failureAt(place, error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (connection.inTransaction) return changes;
  throw failureAt(place, 'ended the transaction by itself; the batch was rolled back', {
    hint: 'remove OR ROLLBACK or RAISE(ROLLBACK) from the statement and from the triggers that it fires',
  });
}
