import type { RestoreRunData } from '../../../commands/restore/run.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<RestoreRunData>, style: Style): string {
  const text = renderData(report.data, style);
  return report.findings.length === 0 ? text : `${text}\n\n${renderFindings(report.findings, style)}`;
}

function renderData(data: RestoreRunData, style: Style): string {
  const output = printable(data.output);
  switch (data.outcome) {
    case 'planned':
      return planned(data, output, style);
    case 'completed':
      return [
        style.bold(`completed the interrupted restore of ${output}: it holds backup ${data.target.backup}`),
        ...oldDatabase(data),
      ].join('\n');
    case 'reverted':
      return style.bold(`took the interrupted restore back: ${output} is the old database again`);
    default:
      return restored(data, output, style);
  }
}

function planned(data: RestoreRunData, output: string, style: Style): string {
  const way = data.replaces ? 'would replace' : 'would write';
  return [
    style.bold('dry run: nothing was written'),
    `  ${way.padEnd(13)}  ${output}`,
    `  with           ${state(data)}`,
    `  reading        ${formatByteSize(data.bytes.read)} of ${route(data)}`,
    `  writing        ${formatByteSize(data.bytes.written)}${free(data)}, check: ${data.checks.depth}`,
  ].join('\n');
}

function free({ freeBytes, bytes }: RestoreRunData): string {
  if (freeBytes === null) return '';
  return `, ${formatByteSize(freeBytes)} free${freeBytes < bytes.written ? ': not enough' : ''}`;
}

function restored(data: RestoreRunData, output: string, style: Style): string {
  const { apply, check, swap } = data.phasesMs;
  const sqlite =
    data.checks.sqlite === 'ok'
      ? `${data.checks.depth === 'full' ? 'integrity_check' : 'quick_check'} ok`
      : 'not checked by SQLite';
  return [
    style.bold(`restored ${output} to ${state(data)}`),
    `  from    ${route(data)}`,
    `  bytes   read ${formatByteSize(data.bytes.read)}, wrote ${formatByteSize(data.bytes.written)} in ${formatDuration(apply)}`,
    `  check   digest ok, ${sqlite} (${formatDuration(check)}), put in place in ${formatDuration(swap)}`,
    ...oldDatabase(data),
  ].join('\n');
}

function state({ target }: RestoreRunData): string {
  if (target.tx === null) return `${target.time}`;
  const bounds = target.uncertaintyMs === null ? '' : ` (+0/-${formatDuration(target.uncertaintyMs)})`;
  return `commit ${formatCount(target.tx)} @${target.epoch?.slice(0, 4)} = ${target.time}${bounds}`;
}

function route({ route: { points, commits } }: RestoreRunData): string {
  const [full, ...rest] = points;
  const parts = [`${full}`];
  if (rest.length > 0) parts.push(`${rest.length} incremental to ${rest.at(-1)}`);
  if (commits > 0) parts.push(plural(commits, 'commit'));
  return parts.join(' + ');
}

function oldDatabase(data: RestoreRunData): string[] {
  if (data.oldDatabase !== null) return [`  old     ${printable(data.oldDatabase)}`];
  return data.replaces ? ['  old     discarded'] : [];
}
