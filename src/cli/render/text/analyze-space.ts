import type { SpaceGrowth } from '../../../core/analysis/space/growth.ts';
import type { SpaceData, SpaceObject } from '../../../core/analysis/space/measure-space.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatShare, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { type Column, table } from '../table.ts';

const columns: readonly Column[] = [
  { title: 'object', flexible: true },
  { title: 'size', align: 'right' },
  { title: 'share', align: 'right' },
  { title: 'payload', align: 'right' },
  { title: 'unused', align: 'right' },
  { title: 'overflow', align: 'right' },
  { title: 'depth', align: 'right' },
  { title: 'gaps', align: 'right' },
  { title: 'rows', align: 'right' },
  { title: 'B/row', align: 'right' },
];

const widest = 40;

export function render(report: Report<SpaceData>, style: Style): string {
  const { data } = report;
  const lines = [
    style.bold(`${printable(data.path)}  ${formatByteSize(data.fileBytes)}`) +
      style.dim(
        `  ${formatCount(data.pages)} pages of ${formatCount(data.pageBytes)} B, auto_vacuum ${data.autoVacuum}`,
      ),
    '',
    table(columns, [...objectRows(data), ...fileRows(data)], style),
    '',
    `  tables ${formatByteSize(data.tableBytes)}, indexes ${formatByteSize(data.indexBytes)}${indexRatio(data)}`,
  ];
  if (data.reclaimBytes !== null && data.reclaimShare !== null) {
    lines.push(
      `  VACUUM would return about ${style.bold(formatByteSize(data.reclaimBytes))} (${formatShare(data.reclaimShare)} of the file)`,
    );
  }
  if (data.growth !== null) lines.push('', ...growthLines(data.growth, style));
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

const shownGrowth = 12;

/** What changed since an earlier report; also on the page of everything. */
export function growthLines(growth: SpaceGrowth, style: Style): string[] {
  const perDay = growth.bytesPerDay === null ? '' : `, ${signed(growth.bytesPerDay)} a day`;
  const head = `  since ${growth.since} (${growth.days.toFixed(1)} days): file ${signed(growth.fileBytes)}${perDay}`;
  if (growth.objects.length === 0) return [head, style.dim('  no table or index has changed in size')];
  const rows = growth.objects
    .slice(0, shownGrowth)
    .map((object) => [
      shortened(printable(object.name)),
      signed(object.bytes),
      object.entries === null ? '-' : `${object.entries > 0 ? '+' : ''}${formatCount(object.entries)}`,
      object.change,
    ]);
  const growthColumns = [
    { title: 'object', flexible: true },
    { title: 'bytes', align: 'right' },
    { title: 'rows', align: 'right' },
    { title: '' },
  ] as const;
  return [head, table(growthColumns, rows, style)];
}

function signed(bytes: number): string {
  return `${bytes > 0 ? '+' : ''}${formatByteSize(Math.round(bytes))}`;
}

/** Indexes are shown below their table, tables by the size of the group. */
export function groupedObjects(objects: readonly SpaceObject[]): SpaceObject[] {
  const groups = new Map<string, SpaceObject[]>();
  for (const object of objects) groups.set(object.table, [...(groups.get(object.table) ?? []), object]);
  const size = (group: readonly SpaceObject[]): number => group.reduce((sum, object) => sum + object.pages, 0);
  return [...groups.values()]
    .sort((a, b) => size(b) - size(a))
    .flatMap((group) => [
      ...group.filter((object) => object.kind !== 'index'),
      ...group.filter((object) => object.kind === 'index'),
    ]);
}

function objectRows(data: SpaceData): string[][] {
  return groupedObjects(data.objects).map((object) => [
    shortened(`${object.kind === 'index' ? '  ' : ''}${printable(object.name)}`),
    formatByteSize(object.sizeBytes),
    formatShare(object.shareOfFile),
    formatShare(object.payloadBytes / object.sizeBytes, 0),
    formatShare(object.unusedBytes / object.sizeBytes, 0),
    figure(object.overflowPages),
    figure(object.depth),
    object.leafGapShare === null ? '-' : formatShare(object.leafGapShare),
    figure(object.entries),
    figure(object.payloadBytesPerEntry),
  ]);
}

function fileRows(data: SpaceData): string[][] {
  const row = (name: string, bytes: number): string[] => [
    name,
    formatByteSize(bytes),
    formatShare(data.fileBytes === 0 ? 0 : bytes / data.fileBytes),
  ];
  return [
    row('(freelist)', data.freelistBytes),
    ...(data.pointerMapBytes > 0 ? [row('(pointer map)', data.pointerMapBytes)] : []),
  ];
}

function indexRatio(data: SpaceData): string {
  return data.tableBytes === 0 ? '' : ` (${formatShare(data.indexBytes / data.tableBytes, 0)} of the tables)`;
}

function figure(value: number | null): string {
  return value === null ? '-' : formatCount(value);
}

function shortened(name: string): string {
  const letters = [...name];
  return letters.length <= widest ? name : `${letters.slice(0, widest - 1).join('')}…`;
}
