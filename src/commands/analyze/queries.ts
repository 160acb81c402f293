import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { QueriesData } from '../../core/analysis/queries/examine-queries.ts';
import { fromFileSystem, TradedbError } from '../../core/error.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { copyOptions, scratchRequest } from './copy-option.ts';
import { adviceExitCode, exitCodeOption } from './exit-code.ts';
import { profileOption, requireWorkload, seedOption, workloadOption } from './workload-option.ts';

/** What the text shows besides the report; JSON has everything. */
export interface QueriesReportData extends QueriesData {
  /** Queries that text shows. */
  readonly shown: number;
  readonly plansShown: boolean;
  /** With --snippet: the program text, and nothing else of the report is filled. */
  readonly snippet: { readonly language: Language; readonly text: string } | null;
  /** With --merge: the workload as one annotated SQL file. */
  readonly merged: string | null;
}

const snippetFiles = { python: 'python_sqlite3.py', sqlalchemy: 'sqlalchemy_engine.py', node: 'node.mjs' } as const;
type Language = keyof typeof snippetFiles;

export const definition = defineCommand({
  path: ['analyze', 'queries'],
  summary: 'plan and time the statements of a workload: full scans, sorts, automatic indexes',
  description:
    'A workload is an annotated SQL file or a capture file of your engine (docs/analyze.md). Statements are planned with their values bound and timed on a private copy, in a process that is killed when one takes too long. Writes are rolled back. The database itself is read once and never changed.',
  options: {
    workload: workloadOption,
    profile: profileOption,
    seed: seedOption,
    sort: { type: 'choice', choices: ['total', 'mean', 'cost'], default: 'total', summary: 'slowest first by this' },
    limit: { type: 'integer', value: 'n', default: '20', minimum: 1, summary: 'how many queries the text shows' },
    query: { type: 'text', value: 'name', summary: 'only this query of the workload' },
    plan: { type: 'flag', summary: 'show the whole plan of each query' },
    snippet: {
      type: 'choice',
      choices: ['python', 'sqlalchemy', 'node'],
      summary: 'print the lines that make a capture file in your engine; nothing is analysed',
    },
    merge: {
      type: 'flag',
      summary: 'print all workload files as one, with a sample of their values; nothing is analysed (-o writes it)',
    },
    exitCode: exitCodeOption,
    ...copyOptions,
  },
  examples: [
    {
      command: 'analyze queries --snippet python > capture.py',
      does: 'lines for your engine that make a capture file',
    },
    { command: "analyze queries -w 'capture-*.jsonl' --merge -o workload.sql", does: 'one workload file' },
    { command: 'analyze queries -d trading.db -w workload.sql', does: 'the statements of a file, slowest first' },
    { command: "analyze queries -d trading.db -w 'capture-*.jsonl' --plan", does: 'captured statements with plans' },
    { command: 'analyze queries -d trading.db -w workload.sql --query recent_trades --plan', does: 'one statement' },
  ],
  exitCodes: {
    0: 'examined',
    3: 'a statement does not prepare, or the time limit was reached',
    4: 'full scans, automatic indexes or broken statements, with --exit-code',
    10: 'database or workload not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['markdown'],
  async run({ options }, context) {
    if (options.snippet !== undefined) return context.report(snippetData(options.snippet, context));
    const workload = await requireWorkload(options, context);
    if (options.merge) {
      const { workloadText } = await import('../../core/analysis/workload/write-workload.ts');
      return context.report({ ...nothing, merged: workloadText(workload) });
    }
    const { examineQueries } = await import('../../core/analysis/queries/examine-queries.ts');
    const { data, findings } = await examineQueries(
      {
        ...scratchRequest(options, context),
        workload: options.query === undefined ? workload : onlyQuery(workload, options.query),
        timeLimitMs: options.timeLimit ?? context.config.analyze.timeLimit,
        copyLimitBytes: context.config.analyze.copyLimit,
        sort: options.sort as 'total' | 'mean' | 'cost',
        showParameters: options.showParameters || context.config.analyze.showParameters,
      },
      context,
    );
    const shown: QueriesReportData = {
      ...data,
      shown: options.limit,
      plansShown: options.plan,
      snippet: null,
      merged: null,
    };
    return context.report(shown, { findings });
  },
  exitCode: adviceExitCode,
});

const nothing: QueriesReportData = {
  path: '',
  workload: { files: [], statements: 0, period: null },
  skipped: [],
  queries: [],
  measured: false,
  complete: true,
  shown: 0,
  plansShown: false,
  snippet: null,
  merged: null,
};

function snippetData(language: Language, { host }: CommandContext): QueriesReportData {
  const path = join(dirname(host.launcher), '..', 'examples', 'capture', snippetFiles[language]);
  try {
    return { ...nothing, snippet: { language, text: readFileSync(path, 'utf8') } };
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

function onlyQuery<W extends { readonly queries: readonly { readonly name: string; readonly fingerprint: string }[] }>(
  workload: W,
  name: string,
): W {
  const queries = workload.queries.filter((query) => query.name === name || query.fingerprint === name);
  if (queries.length > 0) return { ...workload, queries };
  throw new TradedbError('usage', `the workload has no query ${JSON.stringify(name)}`, {
    hint: `it has ${workload.queries
      .slice(0, 8)
      .map((query) => query.name)
      .join(', ')}`,
  });
}
