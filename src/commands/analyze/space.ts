import type { SpaceData } from '../../core/analysis/space/measure-space.ts';
import { defineCommand } from '../definition.ts';
import { adviceExitCode, exitCodeOption } from './exit-code.ts';
import { readSince, sinceOption } from './since-option.ts';

export const definition = defineCommand({
  path: ['analyze', 'space'],
  summary: 'show where the bytes of a database are and what a VACUUM would return',
  description:
    'Reads every b-tree (tables, indexes, the free list) in a short read transaction of its own. The file is opened read-only and stays as it is; other processes may go on writing.',
  options: {
    object: { type: 'text', value: 'name', summary: 'only this table with its indexes, or this index' },
    noPages: { type: 'flag', summary: 'totals only: half the time, without depth, gaps and overflow' },
    consistent: { type: 'flag', summary: 'one read transaction over everything; holds back checkpoints meanwhile' },
    since: sinceOption,
    exitCode: exitCodeOption,
  },
  examples: [
    { command: 'analyze space -d trading.db', does: 'sizes of all tables and indexes' },
    { command: 'analyze space -d trading.db --since last.json', does: 'also what has grown since that report' },
    { command: 'analyze space -d trading.db --object trades', does: 'one table with its indexes' },
    { command: 'analyze space -d trading.db --json | jq .data.reclaimBytes', does: 'bytes that VACUUM would return' },
  ],
  exitCodes: {
    0: 'measured',
    4: 'much of the file is reclaimable (analyze.space.reclaimWarning), with --exit-code',
    10: 'database not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['markdown', 'prometheus'],
  async run({ options }, context) {
    const { measureSpace } = await import('../../core/analysis/space/measure-space.ts');
    const { data, findings } = measureSpace(
      {
        path: context.databasePath(),
        ...(options.object === undefined ? {} : { object: options.object }),
        pages: !options.noPages,
        consistent: options.consistent,
        reclaimWarning: context.config.analyze.space.reclaimWarning,
        busyTimeoutMs: context.config.connection.busyTimeout,
        earlier: await readSince(options.since, context),
      },
      context,
    );
    return context.report<SpaceData>(data, { findings, metrics: metricsOf(data) });
  },
  exitCode: adviceExitCode,
});

function metricsOf(data: SpaceData) {
  const gauge = (name: string, help: string, value: number, labels?: Record<string, string>) =>
    ({ name, type: 'gauge', help, value, ...(labels === undefined ? {} : { labels }) }) as const;
  return [
    gauge('database_size_bytes', 'Size of the database file', data.fileBytes),
    gauge('database_freelist_bytes', 'Free pages inside the file', data.freelistBytes),
    ...(data.reclaimBytes === null
      ? []
      : [gauge('database_reclaimable_bytes', 'Bytes that VACUUM would return', data.reclaimBytes)]),
    ...data.objects.map((object) =>
      gauge('object_size_bytes', 'Size of a table or an index', object.sizeBytes, {
        name: object.name,
        kind: object.kind,
      }),
    ),
  ];
}
