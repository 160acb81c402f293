import type { AnalysisData } from '../../../commands/analyze/report.ts';
import type { SpaceData } from '../../../core/analysis/space/measure-space.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Finding, Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatLatency, formatShare, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';
import { growthLines } from './analyze-space.ts';

const shownObjects = 6;
const shownQueries = 5;
const barWidth = 24;

export function render(report: Report<AnalysisData>, style: Style): string {
  const { data, findings } = report;
  const of = (prefix: string): Finding[] => findings.filter((finding) => finding.id.startsWith(prefix));
  const lines = [style.bold(printable(data.path))];
  if (data.space !== null) lines.push('', ...spaceLines(data.space, style), ...found(of('space.'), style));
  if (data.settings !== null) {
    lines.push('', ...settingsLines(data, style), ...found([...of('statistics.'), ...of('settings.')], style));
  }
  if (data.queries !== null) lines.push('', ...queryLines(data, style), ...found(worth(of('query.')), style));
  if (data.indexes !== null) {
    lines.push('', ...indexLines(data, style), ...found(of('index.left'), style), ...foreignKeyLines(data, style));
  }
  if (data.queries === null && data.indexes !== null) {
    lines.push('', style.dim('  a workload (-w) adds plans and times of your statements and measured index advice'));
  }
  return lines.join('\n');
}

function found(findings: readonly Finding[], style: Style): string[] {
  return findings.length === 0 ? [] : [renderFindings(findings, style)];
}

/** Of the queries only what should be acted on: the details are those of `analyze queries`. */
function worth(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => finding.severity !== 'info');
}

function spaceLines(space: SpaceData, style: Style): string[] {
  const largest = space.objects[0]?.pages ?? 1;
  const rows = space.objects
    .slice(0, shownObjects)
    .map((object) => [
      printable(object.name),
      formatByteSize(object.sizeBytes),
      formatShare(object.shareOfFile),
      '█'.repeat(Math.max(1, Math.round((object.pages / largest) * barWidth))),
    ]);
  const reclaim =
    space.reclaimBytes === null || space.reclaimShare === null
      ? ''
      : `, VACUUM would return ${formatByteSize(space.reclaimBytes)} (${formatShare(space.reclaimShare, 0)})`;
  const columns = [
    { title: '', flexible: true },
    { title: '', align: 'right' },
    { title: '', align: 'right' },
    { title: '', flexible: true },
  ] as const;
  return [
    `${style.bold('space')}     ${formatByteSize(space.fileBytes)}: tables ${formatByteSize(space.tableBytes)}, indexes ${formatByteSize(space.indexBytes)}${reclaim}`,
    table(columns, rows, style),
    ...(space.objects.length > shownObjects
      ? [style.dim(`  and ${space.objects.length - shownObjects} more: tradedb analyze space`)]
      : []),
    ...(space.growth === null ? [] : growthLines(space.growth, style)),
  ];
}

function settingsLines({ settings }: AnalysisData, style: Style): string[] {
  if (settings === null) return [];
  const { file, engine, statistics } = settings;
  const unsound = statistics.filter((one) => one.state !== 'current').length;
  const told = engine === null ? 'engine unknown' : `${printable(engine.name)} ${printable(engine.sqliteVersion)}`;
  return [
    `${style.bold('settings')}  journal_mode ${file.journalMode}, page_size ${file.pageBytes}, auto_vacuum ${file.autoVacuum}, ${told}; ` +
      `statistics of ${statistics.length - unsound} of ${plural(statistics.length, 'table')} current`,
  ];
}

function queryLines({ queries }: AnalysisData, style: Style): string[] {
  if (queries === null) return [];
  const total = queries.queries.reduce((sum, query) => sum + (query.totalMs ?? 0), 0);
  const scanning = queries.queries.filter((query) => query.fullScans.length > 0).length;
  const slowest = queries.queries
    .slice(0, shownQueries)
    .map((query) => [
      printable(query.name),
      query.totalMs === null ? '-' : formatLatency(query.totalMs * 1000),
      query.totalMs === null || total === 0 ? '-' : formatShare(query.totalMs / total, 0),
      printable(query.error ?? query.plan[0]?.trim() ?? ''),
    ]);
  const columns = [
    { title: '', flexible: true },
    { title: '', align: 'right' },
    { title: '', align: 'right' },
    { title: '', flexible: true },
  ] as const;
  return [
    `${style.bold('queries')}   ${plural(queries.queries.length, 'query', 'queries')}, ${scanning} with a full scan, ${formatLatency(total * 1000)}${queries.workload.period === null ? '' : ` per ${printable(queries.workload.period)}`}`,
    table(columns, slowest, style),
  ];
}

function indexLines({ indexes }: AnalysisData, style: Style): string[] {
  if (indexes === null) return [];
  const { before, after, recommendations } = indexes;
  const gain =
    before === null || after === null || recommendations.length === 0
      ? ''
      : `: reads ${change(before.readMs, after.readMs)}, writes ${change(before.writeMs, after.writeMs)}, indexes ${change(before.indexBytes, after.indexBytes)}`;
  return [
    `${style.bold('indexes')}   ${recommendations.length === 0 ? 'no advice' : plural(recommendations.length, 'recommendation')}${gain}`,
    ...recommendations.map((one) => `  ${printable(one.sql)}\n    ${style.dim(printable(one.reason))}`),
    ...(recommendations.length > 0 ? [style.dim('  as a migration: tradedb analyze indexes --emit-migration')] : []),
  ];
}

function foreignKeyLines({ indexes }: AnalysisData, style: Style): string[] {
  const keys = indexes?.foreignKeys ?? [];
  if (keys.length === 0) return [];
  const names = keys.map((key) => `${printable(key.table)}(${key.columns.map(printable).join(', ')})`).join(', ');
  return [style.dim(`  without an index: foreign ${keys.length === 1 ? 'key' : 'keys'} ${names}`)];
}

function change(before: number, after: number): string {
  if (before === 0) return '0 %';
  const percent = Math.round(((after - before) / before) * 1000) / 10;
  return `${percent > 0 ? '+' : ''}${percent} %`;
}
