import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { schemaDigest } from '../../schema/digest.ts';
import { readObjects } from '../../schema/introspect.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { openScratch } from '../../sqlite/scratch.ts';
import { MeasureClient } from '../cost/measure-client.ts';
import { type ScratchRequest, withScratchCopy } from '../cost/scratch-copy.ts';
import { statementFault } from '../queries/plan-query.ts';
import { explainPlan, planText } from '../query-plan/plan.ts';
import { planCost } from '../query-plan/plan-cost.ts';
import { countRows } from '../settings/statistics-age.ts';
import type { Workload } from '../workload/workload.ts';
import type { Baseline, BaselineMachine, BaselineQuery, BaselineSlice } from './baseline-file.ts';

export interface RecordRequest extends ScratchRequest {
  readonly name: string;
  readonly workload: Workload;
  /** Slices of each query. */
  readonly runs: number;
  readonly machine: BaselineMachine;
  readonly timeLimitMs: number;
}

export interface Recording {
  readonly baseline: Baseline;
  /** Queries without times, with the reason. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
}

const sliceMs = 50;
const calibrationSliceMs = 10;
const sliceCapMs = 30_000;
/** Fewer slices say nothing about a spread. */
const fewestSlices = 6;

/** Plans and times a workload on a private copy: what a comparison on another day needs. Nothing is written. */
export async function recordBaseline(request: RecordRequest, context: OperationContext): Promise<Recording> {
  return withScratchCopy(request, context, async (copy) => {
    const connection = openScratch(copy.path, context);
    const client = new MeasureClient(copy, context);
    try {
      connection.pragma('foreign_keys = ON');
      const left: { name: string; reason: string }[] = [];
      const planned = planAll(request.workload, connection, left);
      const slices = await measureSlices(planned, { client, request, context, left });
      const queries = planned
        .filter((query) => slices.has(query.fingerprint))
        .map((query): BaselineQuery => ({ ...query, slices: slices.get(query.fingerprint) ?? [] }));
      if (queries.length === 0) {
        throw new TradedbError('usage', 'no statement of the workload could be measured', {
          hint: left.map(({ name, reason }) => `${name}: ${reason}`).join('; '),
        });
      }
      return {
        baseline: {
          name: request.name,
          recordedAt: new Date(context.clock.wallTime()).toISOString(),
          database: request.path,
          schemaDigest: schemaDigest(readObjects(connection)),
          tables: tableSizes(connection),
          library: libraryOf(connection),
          machine: request.machine,
          calibrationMs: queries
            .flatMap((query) => query.slices.map((slice) => slice.calibrationMs))
            .slice(0, request.runs),
          queries,
        },
        left,
      };
    } finally {
      await client.close();
      connection.close();
    }
  });
}

/** SQLite's version, and whether it was built with histograms. */
export function libraryOf(connection: Connection): Baseline['library'] {
  return {
    sqliteVersion: String(connection.value('SELECT sqlite_version()')),
    stat4: Number(connection.value("SELECT sqlite_compileoption_used('ENABLE_STAT4')")) === 1,
  };
}

function tableSizes(connection: Connection): Baseline['tables'] {
  const tables = connection.all<{ name: string }>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name",
  );
  return tables.map(({ name }) => ({
    name,
    rows: countRows(connection, name),
    pages: Number(connection.value('SELECT pageno FROM dbstat WHERE name = ? AND aggregate = TRUE', [name]) ?? 0),
  }));
}

/** Plans of every parameter set; what does not prepare is left out with its reason. */
function planAll(
  workload: Workload,
  connection: Connection,
  left: { name: string; reason: string }[],
): Omit<BaselineQuery, 'slices'>[] {
  return workload.queries.flatMap((query): Omit<BaselineQuery, 'slices'>[] => {
    try {
      const sets = [...query.tuning, ...query.heldOut].map((set) => {
        const steps = explainPlan(connection, set.sql, set.values);
        return { ...set, plan: planText(steps), cost: planCost(steps) };
      });
      const { fingerprint, name, sql, weight, pragmas } = query;
      return [{ fingerprint, name, sql, weight, pragmas, sets }];
    } catch (error) {
      left.push({ name: query.name, reason: statementFault(error) });
      return [];
    }
  });
}

/** Round by round over all queries, so that a busy moment of the machine spoils a slice of each and not all of one. */
export async function measureSlices(
  queries: readonly Pick<BaselineQuery, 'fingerprint' | 'name' | 'sets' | 'pragmas'>[],
  run: {
    readonly client: MeasureClient;
    readonly request: { readonly runs: number; readonly timeLimitMs: number };
    readonly context: OperationContext;
    readonly left: { name: string; reason: string }[];
  },
): Promise<Map<string, BaselineSlice[]>> {
  const { client, request, context, left } = run;
  const deadline = context.clock.now() + request.timeLimitMs;
  const found = new Map<string, BaselineSlice[]>(queries.map((query) => [query.fingerprint, []]));
  const task = context.progress.start({ id: 'slices', label: 'measuring', unit: 'steps', total: request.runs });
  // The first round does not count: the process starts cold.
  for (let round = -1; round < request.runs; round++) {
    if (round >= fewestSlices && context.clock.now() > deadline) break;
    for (const query of queries) {
      throwIfCancelled(context.signal);
      const slices = found.get(query.fingerprint);
      if (slices === undefined) continue;
      const slice = await oneSlice(query, client);
      if (typeof slice === 'string') {
        left.push({ name: query.name, reason: slice });
        found.delete(query.fingerprint);
      } else if (round >= 0) slices.push(slice);
    }
    if (round >= 0) task.advance(1);
  }
  task.done();
  return found;
}

async function oneSlice(
  query: Pick<BaselineQuery, 'sets' | 'pragmas'>,
  client: MeasureClient,
): Promise<BaselineSlice | string> {
  try {
    const calibration = await client.calibrate(calibrationSliceMs, sliceCapMs);
    const slice = await client.slice({ sets: query.sets, pragmas: query.pragmas, sliceMs }, sliceCapMs);
    if (calibration === undefined || slice === undefined) return `did not end within ${sliceCapMs / 1000} s`;
    return { p50Ms: slice.p50Ms, cpuMs: slice.cpuMs, calibrationMs: calibration.p50Ms };
  } catch (error) {
    return statementFault(error);
  }
}
