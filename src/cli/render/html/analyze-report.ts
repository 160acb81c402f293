import type { AnalysisData } from '../../../commands/analyze/report.ts';
import type { AdviceData } from '../../../core/analysis/index-advice/advice-data.ts';
import type { QueriesData } from '../../../core/analysis/queries/examine-queries.ts';
import type { SettingsData } from '../../../core/analysis/settings/examine-settings.ts';
import type { SpaceGrowth } from '../../../core/analysis/space/growth.ts';
import type { SpaceData } from '../../../core/analysis/space/measure-space.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, formatLatency, formatShare } from '../format.ts';
import { pairedBars, stackedBars } from './bars.ts';
import { html, htmlFindings, htmlPage, htmlTable, htmlTiles } from './page.ts';

const chartedObjects = 15;
const chartedQueries = 20;

/** One file with charts and no script, to be looked at or attached to a build. */
export function render(report: Report<AnalysisData>): string {
  const { data } = report;
  const body = [
    `<p class="soft">${html(`${data.path}, ${report.startedAt}`)}</p>`,
    data.complete ? '' : '<p class="warning">The analysis is incomplete.</p>',
    tiles(report),
    data.space === null ? '' : spacePart(data.space),
    data.queries === null ? '' : queriesPart(data.queries),
    data.indexes === null ? '' : indexesPart(data.indexes),
    data.settings === null ? '' : settingsPart(data.settings),
    htmlFindings(report.findings.filter((finding) => !/^index\.(create|drop|analyze)$/.test(finding.id))),
  ];
  return htmlPage('tradedb analyze', report.status, body.filter((part) => part !== '').join('\n'));
}

function tiles({ data, findings }: Report<AnalysisData>): string {
  const { space, queries, indexes } = data;
  const boxes: (readonly [string, string])[] = [];
  if (space !== null) {
    boxes.push([formatByteSize(space.fileBytes), 'file']);
    if (space.reclaimShare !== null) boxes.push([formatShare(space.reclaimShare), 'returned by a VACUUM']);
  }
  if (queries !== null) {
    const scans = queries.queries.filter((query) => query.fullScans.length > 0).length;
    boxes.push([`${scans} of ${queries.queries.length}`, 'queries with a full scan']);
  }
  if (indexes !== null) boxes.push([String(indexes.recommendations.length), 'index recommendations']);
  boxes.push([String(findings.filter((finding) => finding.severity !== 'info').length), 'findings']);
  return htmlTiles(boxes);
}

function spacePart(space: SpaceData): string {
  const rows = space.objects.slice(0, chartedObjects).map((object) => {
    const overflow = (object.overflowPages ?? 0) * space.pageBytes;
    const rest = Math.max(0, object.sizeBytes - object.unusedBytes - overflow);
    return {
      name: object.name,
      value: formatByteSize(object.sizeBytes),
      parts: [
        { label: 'used', color: 'var(--a)', value: rest },
        { label: 'overflow', color: 'var(--c)', value: overflow },
        { label: 'unused', color: 'var(--b)', value: object.unusedBytes },
      ],
    };
  });
  const free = {
    name: '(freelist)',
    value: formatByteSize(space.freelistBytes),
    parts: [{ label: 'unused', color: 'var(--b)', value: space.freelistBytes }],
  };
  const columns = [
    { title: 'object' },
    { title: 'size', numeric: true },
    { title: 'share', numeric: true },
    { title: 'payload', numeric: true },
    { title: 'unused', numeric: true },
    { title: 'overflow', numeric: true },
    { title: 'depth', numeric: true },
    { title: 'gaps', numeric: true },
    { title: 'rows', numeric: true },
  ];
  const figure = (value: number | null): string => (value === null ? '-' : formatCount(value));
  const cells = space.objects.map((object) => [
    object.name,
    formatByteSize(object.sizeBytes),
    formatShare(object.shareOfFile),
    formatShare(object.payloadBytes / object.sizeBytes, 0),
    formatShare(object.unusedBytes / object.sizeBytes, 0),
    figure(object.overflowPages),
    figure(object.depth),
    object.leafGapShare === null ? '-' : formatShare(object.leafGapShare),
    figure(object.entries),
  ]);
  const growth = space.growth === null ? '' : growthPart(space.growth);
  return `<h2>Space</h2>${stackedBars('Largest tables and indexes', space.freelistBytes > 0 ? [...rows, free] : rows)}${htmlTable(columns, cells)}${growth}`;
}

function growthPart(growth: SpaceGrowth): string {
  const signed = (bytes: number): string => `${bytes > 0 ? '+' : ''}${formatByteSize(Math.round(bytes))}`;
  const columns = [
    { title: 'object' },
    { title: 'bytes', numeric: true },
    { title: 'rows', numeric: true },
    { title: '' },
  ];
  const cells = growth.objects.map((object) => [
    object.name,
    signed(object.bytes),
    object.entries === null ? '-' : formatCount(object.entries),
    object.change,
  ]);
  const perDay = growth.bytesPerDay === null ? '' : `, ${signed(growth.bytesPerDay)} a day`;
  return `<h2>Growth</h2><p>since ${html(growth.since)}: file ${html(signed(growth.fileBytes) + perDay)}</p>${htmlTable(columns, cells)}`;
}

function queriesPart(queries: QueriesData): string {
  const rows = queries.queries
    .filter((query) => query.totalMs !== null)
    .slice(0, chartedQueries)
    .map((query) => ({
      name: query.name,
      value: formatLatency((query.totalMs ?? 0) * 1000),
      parts: [
        {
          label: query.fullScans.length > 0 ? 'with a full scan' : 'without',
          color: query.fullScans.length > 0 ? 'var(--b)' : 'var(--a)',
          value: query.totalMs ?? 0,
        },
      ],
    }));
  const columns = [
    { title: 'query' },
    { title: 'runs', numeric: true },
    { title: 'total', numeric: true },
    { title: 'mean', numeric: true },
    { title: 'plan', wrap: true },
    { title: 'statement', wrap: true },
  ];
  const time = (ms: number | null): string => (ms === null ? '-' : formatLatency(ms * 1000));
  const cells = queries.queries.map((query) => [
    query.name,
    formatCount(query.executions),
    time(query.totalMs),
    time(query.meanMs),
    query.error ?? query.plan.map((line) => line.trim()).join('; '),
    query.sql,
  ]);
  const period = queries.workload.period === null ? '' : ` per ${queries.workload.period}`;
  return `<h2>Queries</h2>${stackedBars(`Time${period}`, rows)}${htmlTable(columns, cells)}`;
}

function indexesPart(indexes: AdviceData): string {
  const { recommendations, before, after } = indexes;
  if (recommendations.length === 0) return '<h2>Indexes</h2><p>No advice.</p>';
  const effects = new Map(recommendations.flatMap((one) => one.queries.map((query) => [query.name, query] as const)));
  const pairs = [...effects.values()]
    .filter((query) => query.beforeMs !== null && query.afterMs !== null)
    .map((query) => ({
      name: query.name,
      before: query.beforeMs ?? 0,
      after: query.afterMs ?? 0,
      text: `${formatLatency((query.beforeMs ?? 0) * 1000)} → ${formatLatency((query.afterMs ?? 0) * 1000)}`,
    }));
  const columns = [
    { title: '' },
    { title: 'statement', wrap: true },
    { title: 'reads', numeric: true },
    { title: 'writes', numeric: true },
    { title: 'size', numeric: true },
    { title: 'reason', wrap: true },
  ];
  const share = (value: number | null): string =>
    value === null ? '-' : `${value > 0 ? '+' : ''}${formatShare(value)}`;
  const cells = recommendations.map((one) => [
    one.action,
    one.sql,
    share(one.readGain === null ? null : -one.readGain),
    share(one.writeChange),
    one.bytes === 0 ? '-' : formatByteSize(one.bytes),
    one.reason,
  ]);
  const sizes = recommendations
    .filter((one) => one.action === 'create')
    .map((one) => ({
      name: one.name ?? '',
      value: `${formatByteSize(one.bytes)}, ${share(one.readGain === null ? null : -one.readGain)}`,
      parts: [{ label: 'size', color: 'var(--a)', value: one.bytes }],
    }));
  const sums =
    before === null || after === null
      ? ''
      : `<p>reads ${html(formatLatency(before.readMs * 1000))} → ${html(formatLatency(after.readMs * 1000))}, writes ${html(formatLatency(before.writeMs * 1000))} → ${html(formatLatency(after.writeMs * 1000))}, indexes ${html(formatByteSize(before.indexBytes))} → ${html(formatByteSize(after.indexBytes))}</p>`;
  return `<h2>Indexes</h2>${sums}${pairedBars('Time of one execution', pairs)}${stackedBars('Size of each new index, and what it saves of the reads', sizes)}${htmlTable(columns, cells)}`;
}

function settingsPart({ file, engine, statistics }: SettingsData): string {
  const facts = [
    ['journal_mode', file.journalMode],
    ['page_size', formatCount(file.pageBytes)],
    ['auto_vacuum', file.autoVacuum],
    ['encoding', file.encoding],
    ['user_version', String(file.userVersion)],
    ['foreign keys declared', formatCount(file.foreignKeys)],
    ['engine', engine === null ? 'unknown' : `${engine.name} ${engine.sqliteVersion}`],
    ...Object.entries(engine?.pragmas ?? {}),
  ].map(([name, value]) => [name ?? '', value ?? '']);
  const columns = [
    { title: 'table' },
    { title: 'rows at the last ANALYZE', numeric: true },
    { title: 'rows now', numeric: true },
    { title: 'statistics' },
  ];
  const cells = statistics.map((one) => [
    one.table,
    one.statRows === null ? '-' : formatCount(one.statRows),
    formatCount(one.actualRows),
    one.state,
  ]);
  return `<h2>Settings</h2>${htmlTable([{ title: 'setting' }, { title: 'value', wrap: true }], facts)}<h2>Statistics</h2>${htmlTable(columns, cells)}`;
}
