import { basename } from 'node:path';
import type { SampleData } from '../../../commands/monitor/sample.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Sample } from '../../../core/monitor/sample.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatShare, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<SampleData>, style: Style): string {
  const { data, findings } = report;
  const last = data.samples.at(-1);
  if (last === undefined) return `${printable(basename(data.database))}   no sample`;
  const parts = [headLine(data, last, style)];
  if (data.samples.length > 1) parts.push(samplesTable(data.samples, style));
  if (last.locks.length > 0) parts.push(locksTable(last, style));
  if (data.openers !== null) parts.push(openersText(data.openers, style));
  if (findings.length > 0) parts.push(renderFindings(findings, style));
  return parts.join('\n\n');
}

function headLine(data: SampleData, last: Sample, style: Style): string {
  const name = style.bold(printable(basename(data.database)));
  const wal =
    last.mode === 'wal'
      ? `WAL ${formatByteSize(last.walFileBytes)} file, ${formatByteSize(last.backlogBytes)} behind`
      : `journal: ${last.mode}`;
  const who =
    last.holders === 'none'
      ? 'nobody connected'
      : last.holders === 'visible'
        ? `${plural(last.connectedProcesses, 'process', 'processes')} connected`
        : 'in use by processes that cannot be seen from here';
  const commits =
    data.samples.length > 1
      ? `${plural(last.commits, 'commit')} in ${formatDuration(last.monotonicMs - (data.samples[0]?.monotonicMs ?? 0))}`
      : '';
  return [name, formatByteSize(last.databaseBytes), wal, who, commits].filter((part) => part !== '').join('   ');
}

function samplesTable(samples: readonly Sample[], style: Style): string {
  const rows = samples.slice(1).map((sample, index) => {
    const before = samples[index] ?? sample;
    const seconds = Math.max(0.001, (sample.monotonicMs - before.monotonicMs) / 1000);
    return [
      sample.at.slice(11, 23),
      formatCount(Math.max(0, sample.commits - before.commits) / seconds),
      formatCount(Math.max(0, sample.frames - before.frames) / seconds),
      formatByteSize(sample.backlogBytes),
      formatShare(sample.writeLockBusyRatio, 0),
      String(sample.walResets - before.walResets),
    ];
  });
  const right = { align: 'right' as const };
  const columns = [
    { title: 'TIME (UTC)' },
    { title: 'COMMITS/S', ...right },
    { title: 'FRAMES/S', ...right },
    { title: 'BEHIND', ...right },
    { title: 'WRITE LOCK', ...right },
    { title: 'RESETS', ...right },
  ];
  return table(columns, rows, style);
}

function locksTable(sample: Sample, style: Style): string {
  const rows = sample.locks.map((holder) => [
    String(holder.pid),
    holder.bytes.join(' '),
    `>= ${formatDuration(holder.heldAtLeastMs)}`,
    printable(holder.command),
  ]);
  const columns = [
    { title: 'PID', align: 'right' as const },
    { title: 'HOLDS' },
    { title: 'FOR', align: 'right' as const },
    { title: 'COMMAND', flexible: true },
  ];
  return table(columns, rows, style);
}

function openersText(openers: NonNullable<SampleData['openers']>, style: Style): string {
  const note = openers.complete ? '' : style.dim(' (processes of other users could not be looked at)');
  if (openers.openers.length === 0) return `  no process has the file open${note}`;
  const rows = openers.openers.map(({ pid, command }) => [String(pid), printable(command)]);
  const columns = [
    { title: 'PID', align: 'right' as const },
    { title: 'HAS THE FILE OPEN', flexible: true },
  ];
  return `${table(columns, rows, style)}${note}`;
}
