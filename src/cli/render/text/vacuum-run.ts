import { basename } from 'node:path';
import type { VacuumRunData } from '../../../commands/vacuum/run.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { VacuumResult } from '../../../core/maintenance/vacuum/request.ts';
import { wrapText } from '../../../core/monitor/terminal/text-width.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatShare, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<VacuumRunData>, style: Style): string {
  const { data } = report;
  const lines = 'resumed' in data ? resumedLines(data, style) : runLines(data, style);
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

const labelWidth = 10;

/** A labelled line; on a narrow terminal the text goes on below itself. */
function line(label: string, text: string, style: Style): string {
  const indent = labelWidth + 3;
  const width = style.columns > 0 ? Math.max(20, style.columns - indent) : Number.POSITIVE_INFINITY;
  const [first = '', ...rest] = wrapText(text, width);
  const head = `  ${style.dim(label.padEnd(labelWidth))} ${first}`;
  return [head, ...rest.map((more) => `${' '.repeat(indent)}${more}`)].join('\n');
}

function runLines(data: VacuumResult, style: Style): string[] {
  const { before } = data;
  const connected =
    data.connected.length === 0
      ? 'nobody connected'
      : `${plural(data.connected.length, 'process', 'processes')} connected`;
  const lines = [
    `${style.bold(printable(basename(data.database)))}   ${formatByteSize(before.sizeBytes)}, ${formatShare(before.freeShare)} free, auto_vacuum ${before.autoVacuum}, ${connected}`,
    line('method', `${methodText(data)}`, style),
    line('because', printable(data.reason), style),
  ];
  if (data.dryRun && data.method !== 'none')
    lines.push(line('expected', expectedText(data), style), line('disk', diskText(data), style));
  if (data.dryRun) lines.push(line('', style.dim('dry run: nothing was changed'), style));
  if (!data.dryRun && data.stoppedBy !== null) lines.push(...doneLines(data, style));
  for (const { path, sizeBytes } of data.removedOldFiles) {
    lines.push(
      line('removed', `${printable(basename(path))}, ${formatByteSize(sizeBytes)}, of an earlier compaction`, style),
    );
  }
  return lines;
}

function idleText({ idleWaitMs }: VacuumResult): string {
  return idleWaitMs === 0 ? '' : `   waited ${formatDuration(idleWaitMs)} for others to be idle`;
}

function methodText(data: VacuumResult): string {
  const convert = data.settings.convertTo === 'none' ? '' : `, auto_vacuum becomes ${data.settings.convertTo}`;
  switch (data.method) {
    case 'incremental':
      return `incremental with checkpoint shield, ${formatDuration(data.settings.latencyBudgetMs)} steps, WAL budget ${formatByteSize(data.settings.walBudgetBytes)}`;
    case 'into':
      return `compact copy, verified and put in place${convert}`;
    case 'full':
      return `plain VACUUM, every writer waits${convert}`;
    case 'copy':
      return `compact copy elsewhere${convert}`;
    case 'none':
      return 'nothing is done';
  }
}

function expectedText(data: VacuumResult): string {
  const { freedBytes, freedPages, durationMs, longestStallMs } = data.expected;
  const gain = data.before.sizeBytes === 0 ? 0 : freedBytes / data.before.sizeBytes;
  const stall =
    data.method === 'incremental' || data.method === 'copy'
      ? 'writers go on'
      : `writers wait about ${formatDuration(longestStallMs)}`;
  // A rewrite also packs pages that are half empty; how many there are is known only afterwards.
  const least = data.method === 'incremental' ? '' : 'at least ';
  return `${least}${formatByteSize(freedBytes)} (${plural(freedPages, 'page')}, ${formatShare(gain)} of the file) in about ${formatDuration(durationMs)}; ${stall}`;
}

function diskText(data: VacuumResult): string {
  return `needs ${formatByteSize(data.disk.neededBytes)}, free ${formatByteSize(data.disk.freeBytes)}, reserve ${formatByteSize(data.disk.reserveBytes)}`;
}

function doneLines(data: VacuumResult, style: Style): string[] {
  if (data.copy !== null) {
    const saved = data.before.sizeBytes - data.copy.sizeBytes;
    return [
      line(
        'copy',
        `${printable(data.copy.path)}, ${formatByteSize(data.copy.sizeBytes)} (${formatByteSize(saved)} smaller) in ${formatDuration(data.workMs)}, verified`,
        style,
      ),
    ];
  }
  const after = data.after ?? data.before;
  const rate = data.workMs > 0 ? `, ${formatCount(data.freedPages / (data.workMs / 1000))} pages/s` : '';
  const lines = [
    line(
      'freed',
      `${plural(data.freedPages, 'page')} (${formatByteSize(data.freedBytes)}) in ${formatDuration(data.workMs)}${rate}; ${formatCount(after.freePages)} free pages left (${formatShare(after.freeShare)})`,
      style,
    ),
    line(
      'size',
      `${formatByteSize(data.before.sizeBytes)} before, ${style.green(`${formatByteSize(after.sizeBytes)} after`)}`,
      style,
    ),
  ];
  if (data.method === 'incremental') {
    lines.push(
      line(
        'steps',
        `${formatCount(data.steps)}   longest ${formatDuration(data.longestStepMs)}   over budget ${formatCount(data.stepsOverBudget)}   shields ${data.shields}   WAL peak ${formatByteSize(data.walPeakBytes)}${idleText(data)}`,
        style,
      ),
    );
  }
  const gone = data.removedOldFiles.some(({ path }) => path === data.swap.oldFile);
  if (data.swap.oldFile !== null && !gone)
    lines.push(line('old file', `${printable(basename(data.swap.oldFile))} (a later run deletes it)`, style));
  return lines;
}

function resumedLines(data: Exclude<VacuumRunData, VacuumResult>, style: Style): string[] {
  const name = style.bold(printable(basename(data.database)));
  switch (data.resumed) {
    case 'nothing':
      return [`${name}   no compaction was interrupted: nothing to resume`];
    case 'undone':
      return [`${name}   the interrupted compaction is undone: the file is the one from before`];
    case 'finished':
      return [
        `${name}   the interrupted compaction is finished: the compact file is in place`,
        ...(data.oldFile === null ? [] : [line('old file', printable(basename(data.oldFile)), style)]),
      ];
  }
}
