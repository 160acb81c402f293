import { statSync } from 'node:fs';
import { formatByteSize } from '../../config/byte-size.ts';
import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import type { Candidate } from '../candidates/candidate.ts';
import { type ScratchCopy, type ScratchRequest, withScratchCopy } from '../cost/scratch-copy.ts';
import { type Configuration, currentIndexes } from '../cost/studied-query.ts';
import { SampleDatabase } from '../shadow/sample-database.ts';
import { seededChance } from '../workload/seeded-chance.ts';
import type { Workload } from '../workload/workload.ts';
import type { AdviceData } from './advice-data.ts';
import { type Confirmation, confirmAdvice } from './confirm.ts';
import { describeAdvice } from './describe.ts';
import { chooseDrops, dropCandidates, harmfulIndexes, unusedIndexes } from './drops.ts';
import { type Laboratory, openLaboratory } from './laboratory.ts';
import { type CandidateKind, proposeCandidates } from './propose.ts';
import { draftMigration } from './recommendation.ts';
import { unindexedForeignKeys } from './schema-advice.ts';
import { searchIndexes } from './search.ts';
import type { SearchLimits, SearchResult, TableSize } from './search-parts.ts';
import { StepJudge } from './step-judge.ts';
import { adviseStrict } from './strict.ts';
import { adviseWithoutRowid } from './without-rowid.ts';
import { brokenWithoutStat4, tellWithoutStat4, type WithoutStat4 } from './without-stat4.ts';

export interface AdviceRequest extends ScratchRequest {
  readonly workload: Workload;
  readonly seed: number;
  readonly timeLimitMs: number;
  readonly copyLimitBytes: number;
  readonly maxIndexes: number;
  /** Bytes of all new indexes together. */
  readonly sizeBudgetBytes: number;
  readonly maxSlowdown: number;
  readonly gainFloor: number;
  readonly minimumGain: number;
  readonly kinds: ReadonlySet<CandidateKind>;
  readonly drops: 'none' | 'redundant' | 'unused';
  readonly pinned: readonly string[];
  readonly stat4: boolean;
  /** The advice is for engines of one kind; otherwise it must be good for those with STAT4 and those without. */
  readonly engineKnown: boolean;
}

/** Parts of the time limit, the copy included, at which the search and the confirmation end; the rest is for WITHOUT ROWID. */
const searchShare = 0.65;
const confirmShare = 0.88;

/** Finds the set of indexes that serves a workload best, writes and size counted, by measuring on a private copy. */
export async function adviseIndexes(request: AdviceRequest, context: OperationContext): Promise<AdviceData> {
  const size = statSync(request.path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > request.copyLimitBytes) {
    throw new TradedbError(
      'unsupported',
      `the database has ${formatByteSize(size)}; advice needs a private copy, and analyze.copyLimit is ${formatByteSize(request.copyLimitBytes)}`,
      { hint: 'raise analyze.copyLimit, or give a smaller database of the same shape' },
    );
  }
  const started = context.clock.now();
  return withScratchCopy(request, context, async (scratch) => {
    const laboratory = await openLaboratory(scratch, request, context);
    try {
      return await advise(request, { laboratory, scratch, started, context });
    } finally {
      await laboratory.close();
    }
  });
}

interface Run {
  readonly laboratory: Laboratory;
  readonly scratch: ScratchCopy;
  readonly started: number;
  readonly context: OperationContext;
}

async function advise(request: AdviceRequest, run: Run): Promise<AdviceData> {
  const { laboratory, context, started } = run;
  const { study, existing, baseline, meter, planner } = laboratory;
  const deadline = started + request.timeLimitMs;
  const task = context.progress.start({ id: 'advise', label: 'searching', unit: 'steps', total: 4 });
  try {
    const { candidates, bytesOf, estimatedBytes, learn, sample } = await findCandidates(request, run);
    task.advance(1);
    const limits = limitsOf(request, {
      now: context.clock.now(),
      deadline: started + request.timeLimitMs * searchShare,
    });
    const judgeParts = { queries: meter.measured(study.queries), limits, meter, sizeOf: tableSizes(laboratory) };
    let found: SearchResult;
    try {
      const parts = {
        candidates,
        bytesOf,
        estimatedBytes,
        learn,
        planner,
        context,
        chance: seededChance(request.seed),
        ...judgeParts,
      };
      found = await searchIndexes(parts, baseline);
    } finally {
      sample.close();
    }
    task.advance(1);
    const unused = unusedIndexes(laboratory.copy, existing, study.queries, planner);
    const dropped = await findDrops({ request, run, found, unused });
    task.advance(1);
    const judge = new StepJudge(judgeParts, baseline);
    const confirmed = await confirm(dropped.configuration, judge, request, run);
    task.advance(1);
    const withoutStat4 = await tellWithoutStat4(confirmed.configuration, judge, laboratory, deadline);
    return await assemble(request, run, { found, dropped, unused, confirmed, candidates, withoutStat4 });
  } finally {
    task.done();
  }
}

async function findDrops(parts: {
  readonly request: AdviceRequest;
  readonly run: Run;
  readonly found: SearchResult;
  readonly unused: ReturnType<typeof unusedIndexes>;
}) {
  const { request, found, unused } = parts;
  const { laboratory, started } = parts.run;
  const { existing, meter, study, planner, now } = laboratory;
  const search = { meter, queries: study.queries, maxSlowdown: request.maxSlowdown };
  const pinned = new Set(request.pinned);
  const deadline = started + request.timeLimitMs * searchShare;
  const harmful =
    request.drops === 'none' ? [] : await harmfulIndexes(existing, found, { ...search, planner, deadline, now });
  const others = dropCandidates(request.drops, existing, unused, pinned).filter(
    ({ index }) => !harmful.some((one) => one.index.name === index.name),
  );
  return chooseDrops([...harmful.filter(({ index }) => !pinned.has(index.name)), ...others], found, search);
}

/** Sizes of tables, each looked up once. */
function tableSizes({ copy }: Laboratory): (table: string) => TableSize {
  const known = new Map<string, TableSize>();
  return (table) => {
    const size = known.get(table) ?? {
      bytes: Number(copy.value('SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = TRUE', [table]) ?? 0),
      columns: Number(copy.value('SELECT count(*) FROM pragma_table_info(?)', [table]) ?? 0),
    };
    known.set(table, size);
    return size;
  };
}

async function findCandidates(request: AdviceRequest, run: Run) {
  const { laboratory, scratch, context } = run;
  const { study, planner } = laboratory;
  const tables = [...new Set(study.queries.flatMap(({ use }) => [...use.columns.keys()]))].filter((table) =>
    isOrdinaryTable(laboratory, table),
  );
  const sample = await SampleDatabase.create(
    laboratory.copy,
    { copy: scratch, tables, client: laboratory.client, capMs: request.timeLimitMs / 4 },
    context,
  );
  try {
    const proposed = proposeCandidates({
      queries: study.queries,
      existing: laboratory.existing,
      probeSchema: laboratory.probeSchema,
      sample,
      tables: new Set(tables),
      kinds: request.kinds,
    });
    const bytes = new Map<string, number>();
    const learn = (candidate: Candidate): boolean => {
      throwIfCancelled(context.signal);
      return candidate.indexes.every((index) => {
        const sampled = sampledOrNone(sample, index);
        if (sampled === undefined) return false;
        planner.know(index, request.stat4 ? sampled.statistics : { ...sampled.statistics, stat4: [] });
        bytes.set(index.name, sampled.estimatedBytes);
        return true;
      });
    };
    const candidates = proposed.filter(learn);
    const bytesOf = (candidate: Candidate): number =>
      candidate.indexes.reduce((sum, index) => sum + (bytes.get(index.name) ?? 0), 0);
    return { candidates, bytesOf, estimatedBytes: (index: string) => bytes.get(index) ?? 0, learn, sample };
  } catch (error) {
    sample.close();
    throw error;
  }
}

/** An index that SQLite refuses (an expression that is not deterministic after all) is no candidate. */
function sampledOrNone(sample: SampleDatabase, index: Parameters<SampleDatabase['index']>[0]) {
  try {
    return sample.index(index);
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'sql_error') return undefined;
    throw error;
  }
}

function isOrdinaryTable(laboratory: Laboratory, table: string): boolean {
  const type = laboratory.copy.value("SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = ?", [table]);
  return type === 'table' && !table.toLowerCase().startsWith('sqlite_');
}

function limitsOf(request: AdviceRequest, time: { now: number; deadline: number }): SearchLimits {
  return {
    maxIndexes: request.maxIndexes,
    sizeBudgetBytes: request.sizeBudgetBytes,
    fileBytes: Math.max(1, statSync(request.path).size),
    maxSlowdown: request.maxSlowdown,
    gainFloor: request.gainFloor,
    minimumGain: request.minimumGain,
    started: time.now,
    deadline: time.deadline,
  };
}

/** Confirms, and once more without the indexes of a query that became slower; then nothing is left for its tables. */
async function confirm(
  advised: Configuration,
  judge: StepJudge,
  request: AdviceRequest,
  run: Run,
): Promise<{ configuration: Configuration; confirmation: Confirmation[] }> {
  const { laboratory, context, started } = run;
  const { study, planner, meter, client } = laboratory;
  const parts = {
    queries: study.queries,
    planner,
    meter,
    client,
    context,
    chance: seededChance(request.seed),
    deadline: started + request.timeLimitMs * confirmShare,
    maxSlowdown: request.maxSlowdown,
  };
  let configuration = advised;
  for (let round = 0; ; round++) {
    if (configuration.added.length === 0 && configuration.dropped.length === 0) {
      return { configuration, confirmation: [] };
    }
    const expected = { before: laboratory.baseline, after: await meter.measure(configuration, study.queries) };
    const broken = brokenWithoutStat4(judge, expected.before, expected.after);
    const confirmation = await confirmAdvice(configuration, { ...parts, expected });
    const slower = study.queries.filter(
      (studied) =>
        broken.includes(studied) ||
        (!studied.isWrite &&
          confirmation.some((one) => one.fingerprint === studied.query.fingerprint && one.verdict === 'regression')),
    );
    if (slower.length === 0) return { configuration, confirmation };
    const blamed = planner.used(configuration, slower, { plain: laboratory.baseline.plain !== null });
    const tables = new Set(slower.flatMap(({ use }) => [...use.tables]));
    const tableOf = (name: string): string => meter.built(name)?.definition.table ?? '';
    const existingTable = new Map(laboratory.existing.map((index) => [index.name, index.table]));
    configuration = {
      added: configuration.added.filter((name) => (round === 0 ? !blamed.has(name) : !tables.has(tableOf(name)))),
      // A drop on these tables may be the cause as well.
      dropped: configuration.dropped.filter((name) => !tables.has(existingTable.get(name) ?? '')),
    };
    if (round > 1) return { configuration: currentIndexes, confirmation };
  }
}

async function assemble(
  request: AdviceRequest,
  run: Run,
  results: {
    readonly found: SearchResult;
    readonly dropped: Awaited<ReturnType<typeof chooseDrops>>;
    readonly unused: ReturnType<typeof unusedIndexes>;
    readonly confirmed: Awaited<ReturnType<typeof confirm>>;
    readonly candidates: readonly Candidate[];
    readonly withoutStat4: WithoutStat4;
  },
): Promise<AdviceData> {
  const { laboratory } = run;
  const { study, existing, copy, meter } = laboratory;
  const { configuration, confirmation } = results.confirmed;
  const described = await describeAdvice(configuration, {
    laboratory,
    reasons: new Map(results.dropped.taken.map(({ index, reason }) => [index.name, reason])),
    minimumGain: request.minimumGain,
  });
  const strict = await adviseStrict(laboratory, run.started + request.timeLimitMs);
  const keyed = request.kinds.has('without-rowid')
    ? await adviseWithoutRowid(
        laboratory,
        { maxSlowdown: request.maxSlowdown, deadline: run.started + request.timeLimitMs },
        run.context,
      )
    : { recommendations: [], rejected: [] };
  const recommendations = [...described.recommendations, ...keyed.recommendations];
  const draft = draftMigration(recommendations, quoteIdentifier);
  const { workload } = request;
  const sizeOf = (name: string): number =>
    Number(copy.value('SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = TRUE', [name]) ?? 0);
  return {
    path: request.path,
    workload: {
      files: workload.files,
      statements: workload.queries.length,
      executions: workload.queries.reduce((sum, query) => sum + query.weight, 0),
      period: workload.period,
      stat4: request.stat4,
      engine: workload.engine === null ? null : `${workload.engine.name} ${workload.engine.sqliteVersion}`,
    },
    recommendations,
    rejected: [...rejectedOf(results, configuration), ...keyed.rejected],
    frontier: results.found.frontier,
    before: described.before,
    after: described.after,
    confirmation,
    withoutStat4: results.withoutStat4,
    unused: results.unused.map((index) => ({ name: index.name, table: index.table, bytes: sizeOf(index.name) })),
    overlapping: [],
    foreignKeys: unindexedForeignKeys(copy, existing).filter(
      (key) =>
        !recommendations.some((one) => one.action === 'create' && one.sql.includes(key.sql.split(' ON ')[1] ?? '\0')),
    ),
    strict,
    estimated: [...meter.estimated],
    left: [
      ...study.left.map(({ name, reason }) => ({ name, reason })),
      ...[...meter.unmeasured].map(([name, reason]) => ({ name, reason })),
    ],
    skipped: workload.skipped,
    migration: draft === null ? null : { ...draft, path: null },
    complete:
      results.found.complete &&
      study.left.every((one) => !one.broken) &&
      laboratory.parity.equal === laboratory.parity.total &&
      !confirmation.some((one) => one.verdict === 'unresolved' && one.p === null),
    measured: true,
    parity: laboratory.parity,
  };
}

function rejectedOf(
  results: {
    readonly found: SearchResult;
    readonly dropped: { readonly kept: ReadonlyMap<string, string> };
    readonly candidates: readonly Candidate[];
  },
  configuration: Configuration,
): AdviceData['rejected'] {
  const { found, dropped, candidates } = results;
  const fresh = candidates
    .flatMap((candidate) => candidate.indexes)
    .filter((index) => !configuration.added.includes(index.name))
    .map((index) => ({
      name: index.name,
      sql: index.sql,
      reason: found.rejected.get(index.name) ?? 'the planner expects no gain beside the others',
    }));
  const kept = [...dropped.kept].map(([name, reason]) => ({
    name,
    sql: `DROP INDEX ${quoteIdentifier(name)}`,
    reason,
  }));
  return [...new Map([...fresh, ...kept].map((one) => [one.name, one])).values()];
}
