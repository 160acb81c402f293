import type { OperationContext } from '../../context.ts';
import { cloneSchema } from '../../schema/clone.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { openScratch } from '../../sqlite/scratch.ts';
import { type ExistingIndex, readIndexes } from '../candidates/index-definition.ts';
import { MeasureClient } from '../cost/measure-client.ts';
import { Meter, type Objective } from '../cost/meter.ts';
import type { ScratchCopy } from '../cost/scratch-copy.ts';
import { currentIndexes } from '../cost/studied-query.ts';
import { explainPlan, planText } from '../query-plan/plan.ts';
import { ConfigurationPlanner } from '../shadow/configuration-planner.ts';
import { createShadow } from '../shadow/shadow-database.ts';
import type { Workload } from '../workload/workload.ts';
import { type Study, studyWorkload } from './study.ts';

/** Everything the advisor works with: the private copy, the child that measures on it, and a schema that plans like it. */
export interface Laboratory {
  readonly copy: Connection;
  readonly client: MeasureClient;
  readonly shadow: Connection;
  /** The same schema for the probes, which change it. */
  readonly probeSchema: Connection;
  readonly planner: ConfigurationPlanner;
  readonly meter: Meter;
  readonly study: Study;
  readonly existing: readonly ExistingIndex[];
  /** Cost with the statistics of the source, and with fresh ones. */
  readonly asIs: Objective;
  readonly baseline: Objective;
  readonly parity: { readonly equal: number; readonly total: number };
  /** Milliseconds of the clock. */
  now(): number;
  close(): Promise<void>;
}

interface Request {
  readonly workload: Workload;
  readonly timeLimitMs: number;
  readonly stat4: boolean;
  readonly engineKnown: boolean;
}

/** Opens the copy, measures the workload as it is, refreshes the statistics and measures again. */
export async function openLaboratory(
  scratch: ScratchCopy,
  request: Request,
  context: OperationContext,
): Promise<Laboratory> {
  const opened: { close(): void }[] = [];
  const keep = (connection: Connection): Connection => {
    opened.push(connection);
    return connection;
  };
  const client = new MeasureClient(scratch, context);
  const close = async (): Promise<void> => {
    await client.close();
    for (const connection of opened) connection.close();
  };
  try {
    const own = keep(openCopy(scratch, context));
    const capMs = request.timeLimitMs / 4;
    const before = keep(createShadow(own, context, { stat4: request.stat4 }));
    const study = studyWorkload(request.workload.queries, before);
    if (!request.stat4) await client.exec(forgetHistograms, capMs);
    const meter = new Meter({
      client,
      planner: new ConfigurationPlanner(before),
      copy: own,
      context,
      firstCapMs: Math.min(capMs, Math.max(500, request.timeLimitMs / (3 * study.queries.length + 1))),
      queryMs: request.timeLimitMs / (20 * study.queries.length + 1),
      stat4: request.stat4,
      holdPlain: request.stat4 && !request.engineKnown,
    });
    const asIs = await meter.measure(currentIndexes, study.queries);

    await client.exec(request.stat4 ? 'ANALYZE' : `ANALYZE; ${forgetHistograms}`, capMs);
    // Another connection reads statistics only when it opens the schema.
    const copy = keep(openCopy(scratch, context));
    const shadow = keep(createShadow(copy, context, { stat4: request.stat4 }));
    const plain = request.stat4 ? new ConfigurationPlanner(keep(createShadow(copy, context, { stat4: false }))) : null;
    const planner = new ConfigurationPlanner(shadow, plain);
    meter.replan(planner, copy);
    const baseline = await meter.measure(currentIndexes, study.queries);
    return {
      copy,
      client,
      shadow,
      probeSchema: keep(probeSchemaOf(copy, context)),
      planner,
      meter,
      study,
      existing: readIndexes(copy),
      asIs,
      baseline,
      parity: parityOf(study, copy, shadow),
      now: () => context.clock.now(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The histograms of an engine that has none; `analyze` makes the table, so that it can be emptied in any database. */
const forgetHistograms = 'ANALYZE sqlite_schema; DELETE FROM sqlite_stat4; ANALYZE sqlite_schema';

function probeSchemaOf(copy: Connection, context: OperationContext): Connection {
  const { connection } = cloneSchema(copy, context);
  // Without them the checks of a DELETE vanish from its plan.
  connection.pragma('foreign_keys = ON');
  return connection;
}

function openCopy(scratch: ScratchCopy, context: OperationContext): Connection {
  const connection = openScratch(scratch.path, context);
  connection.pragma('journal_mode = WAL');
  connection.pragma('foreign_keys = ON');
  return connection;
}

function parityOf(study: Study, copy: Connection, shadow: Connection): { equal: number; total: number } {
  const statements = study.queries.flatMap(({ sets }) => sets);
  const equal = statements.filter(
    ({ sql, values }) => planText(explainPlan(copy, sql, values)) === planText(explainPlan(shadow, sql, values)),
  ).length;
  return { equal, total: statements.length };
}
