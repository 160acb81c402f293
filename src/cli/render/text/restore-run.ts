import type { RestoreRunData } from '../../../commands/restore/run.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import { printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render({ data }: Report<RestoreRunData>, style: Style): string {
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
    `  with           backup ${data.target.backup}${data.target.time === null ? '' : ` = ${data.target.time}`}`,
    `  reading        ${formatByteSize(data.bytes.read)} of ${route(data)}`,
    `  writing        ${formatByteSize(data.bytes.written)}, check: ${data.checks.depth}`,
  ].join('\n');
}

function restored(data: RestoreRunData, output: string, style: Style): string {
  const { apply, check, swap } = data.phasesMs;
  const sqlite =
    data.checks.sqlite === 'ok'
      ? `${data.checks.depth === 'full' ? 'integrity_check' : 'quick_check'} ok`
      : 'not checked by SQLite';
  return [
    style.bold(`restored ${output} to ${data.target.time}`),
    `  from    ${route(data)}`,
    `  bytes   read ${formatByteSize(data.bytes.read)}, wrote ${formatByteSize(data.bytes.written)} in ${formatDuration(apply)}`,
    `  check   digest ok, ${sqlite} (${formatDuration(check)}), put in place in ${formatDuration(swap)}`,
    ...oldDatabase(data),
  ].join('\n');
}

function route(data: RestoreRunData): string {
  const [full, ...rest] = data.route.points;
  return rest.length === 0 ? `${full}` : `${full} + ${rest.length} incremental, to ${rest.at(-1)}`;
}

function oldDatabase(data: RestoreRunData): string[] {
  if (data.oldDatabase !== null) return [`  old     ${printable(data.oldDatabase)}`];
  return data.replaces ? ['  old     discarded'] : [];
}
