import type { AdviceData } from '../../core/analysis/index-advice/advice-data.ts';
import type { QueriesData } from '../../core/analysis/queries/examine-queries.ts';
import type { SettingsData } from '../../core/analysis/settings/examine-settings.ts';
import type { SpaceData } from '../../core/analysis/space/measure-space.ts';
import type { Workload } from '../../core/analysis/workload/workload.ts';
import { TradedbError } from '../../core/error.ts';
import type { Finding } from '../../core/report.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { copyOptions, scratchRequest } from './copy-option.ts';
import { adviceExitCode, exitCodeOption } from './exit-code.ts';
import { readSince, sinceOption } from './since-option.ts';
import { profileOption, seedOption, workloadIfAny, workloadOption } from './workload-option.ts';

const sections = ['space', 'settings', 'queries', 'indexes'] as const;
type Section = (typeof sections)[number];

/** Everything on one page; a section that was not asked for is null. */
export interface AnalysisData {
  readonly path: string;
  readonly space: SpaceData | null;
  readonly settings: SettingsData | null;
  /** Null without a workload. */
  readonly queries: QueriesData | null;
  readonly indexes: AdviceData | null;
  /** False when a section could not be completed. */
  readonly complete: boolean;
}

export const definition = defineCommand({
  path: ['analyze', 'report'],
  summary: 'show space, settings, queries and indexes of a database on one page',
  description:
    'Needs no workload; with one (-w, or analyze.workload of the configuration) its statements are planned and timed on a private copy, and indexes are advised. The database itself is never changed.',
  options: {
    workload: workloadOption,
    profile: profileOption,
    seed: seedOption,
    only: { type: 'choice', choices: sections, repeatable: true, summary: 'only these sections' },
    skip: { type: 'choice', choices: sections, repeatable: true, summary: 'not these sections' },
    since: sinceOption,
    exitCode: exitCodeOption,
    ...copyOptions,
  },
  examples: [
    { command: 'analyze -d trading.db', does: 'one page about the file' },
    { command: 'analyze -d trading.db -w workload.sql -f html -o report.html', does: 'a page with charts' },
    { command: 'analyze report -d trading.db --only space --only settings', does: 'two sections' },
  ],
  exitCodes: {
    0: 'done, advice or not',
    3: 'a section is incomplete: time limit, or a statement that does not prepare',
    4: 'there is advice or a finding, with --exit-code',
    10: 'database or workload not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['markdown', 'html'],
  async run({ options }, context) {
    const wanted = wantedSections(options);
    const workload = await workloadIfAny(options, context);
    const found: Finding[] = [];
    const data = await collect({ wanted, workload, options, context, found });
    return context.report<AnalysisData>(data, { findings: found });
  },
  exitCode: adviceExitCode,
});

function wantedSections(options: { readonly only: readonly string[]; readonly skip: readonly string[] }): Set<Section> {
  const wanted = sections.filter(
    (section) => (options.only.length === 0 || options.only.includes(section)) && !options.skip.includes(section),
  );
  if (wanted.length === 0) throw new TradedbError('usage', 'no section is left to show');
  return new Set(wanted);
}

interface Collection {
  readonly wanted: ReadonlySet<Section>;
  readonly workload: Workload | null;
  readonly options: {
    readonly seed: number;
    readonly timeLimit: number | undefined;
    readonly scratchDirectory: string | undefined;
    readonly showParameters: boolean;
    readonly since: string | undefined;
  };
  readonly context: CommandContext;
  readonly found: Finding[];
}

async function collect(collection: Collection): Promise<AnalysisData> {
  const { wanted, workload, context } = collection;
  const path = context.databasePath();
  const space = wanted.has('space') ? await spaceSection(collection, path) : null;
  const settings = wanted.has('settings') ? await settingsSection(collection, path) : null;
  const queries = wanted.has('queries') && workload !== null ? await queriesSection(collection, workload) : null;
  const indexes = wanted.has('indexes') ? await indexesSection(collection, path) : null;
  return {
    path,
    space,
    settings,
    queries,
    indexes,
    complete: queries?.complete !== false && indexes?.complete !== false,
  };
}

async function spaceSection({ context, found, options }: Collection, path: string): Promise<SpaceData> {
  const { measureSpace } = await import('../../core/analysis/space/measure-space.ts');
  const { data, findings } = measureSpace(
    {
      path,
      pages: true,
      consistent: false,
      reclaimWarning: context.config.analyze.space.reclaimWarning,
      busyTimeoutMs: context.config.connection.busyTimeout,
      earlier: await readSince(options.since, context),
    },
    context,
  );
  found.push(...findings);
  return data;
}

async function settingsSection({ context, found, workload }: Collection, path: string): Promise<SettingsData> {
  const { examineSettings } = await import('../../core/analysis/settings/examine-settings.ts');
  const busyTimeoutMs = context.config.connection.busyTimeout;
  const { data, findings } = examineSettings({ path, engine: workload?.engine ?? null, busyTimeoutMs }, context);
  found.push(...findings);
  return data;
}

async function queriesSection({ context, found, options }: Collection, workload: Workload): Promise<QueriesData> {
  const { examineQueries } = await import('../../core/analysis/queries/examine-queries.ts');
  const { data, findings } = await examineQueries(
    {
      ...scratchRequest(options, context),
      workload,
      timeLimitMs: options.timeLimit ?? context.config.analyze.timeLimit,
      copyLimitBytes: context.config.analyze.copyLimit,
      sort: 'total',
      showParameters: options.showParameters || context.config.analyze.showParameters,
    },
    context,
  );
  found.push(...findings);
  return data;
}

async function indexesSection({ context, found, options, workload }: Collection, path: string): Promise<AdviceData> {
  const { adviceFindings } = await import('./advice-finding.ts');
  const { defaultAdvice } = await import('./default-advice.ts');
  const data = await defaultAdvice(workload, { options, path }, context);
  found.push(...adviceFindings(data));
  return data;
}
