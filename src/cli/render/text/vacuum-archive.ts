import { basename } from 'node:path';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type {
  ArchiveResult,
  ChunkResult,
  PolicyResult,
  QueryAnswer,
} from '../../../core/maintenance/archive/request.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatTime, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<ArchiveResult>, style: Style): string {
  const { data } = report;
  const lines = [`${style.bold(printable(basename(data.database)))}   ${headline(data)}`, ...body(data, style)];
  if (data.idleWaitMs > 0) lines.push(`  waited ${formatDuration(data.idleWaitMs)} for others to be idle`);
  if (data.dryRun) lines.push(style.dim('  dry run: nothing was changed'));
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function headline(data: ArchiveResult): string {
  const folder = printable(data.folder);
  switch (data.mode) {
    case 'list':
      return `${plural(data.archives.length, 'archive')} in ${folder}`;
    case 'verify':
      return `${plural(data.archives.length, 'archive')} read back: equal to what was archived, byte for byte`;
    case 'query':
      return `${plural(data.archives.length, 'archive')} asked`;
    case 'resume':
      return data.archives.length === 0
        ? 'nothing to resume'
        : `${plural(data.archives.length, 'archive')} taken up again`;
    case 'restore':
      return `archive ${data.restored?.id ?? ''} ${data.restored?.to === null ? 'put back' : `written to ${printable(data.restored?.to ?? '')}`}`;
    case 'archive': {
      const due = data.policies.reduce((sum, { rowsDue }) => sum + rowsDue, 0);
      if (due === 0) return 'no row is due';
      return `${plural(due, 'row')} due, archives in ${folder}`;
    }
  }
}

function body(data: ArchiveResult, style: Style): string[] {
  if (data.answer !== undefined) return [answer(data.answer, style)];
  if (data.mode === 'list' || data.mode === 'verify' || data.mode === 'resume') {
    return data.archives.length === 0 ? [] : [listing(data.archives, style)];
  }
  if (data.restored !== null) {
    const { tables, staleLeftOut } = data.restored;
    const rows = tables.map(({ name, rows: count, skipped }) => [
      printable(name),
      formatCount(count),
      formatCount(skipped),
    ]);
    const columns = [
      { title: 'TABLE', flexible: true },
      { title: 'ROWS', align: 'right' as const },
      { title: 'SKIPPED', align: 'right' as const },
    ];
    const stale =
      staleLeftOut === 0 ? [] : [`  ${plural(staleLeftOut, 'row')} left out: newer versions stayed in their table`];
    return [...(data.dryRun ? [] : [table(columns, rows, style)]), ...stale];
  }
  return data.policies.flatMap((policy) => policyLines(policy, style));
}

function answer({ columns, rows, truncated }: QueryAnswer, style: Style): string {
  const numeric = columns.map((_, index) => rows.every((row) => row[index] === null || typeof row[index] === 'number'));
  const shown = columns.map((title, index) => ({
    title: printable(title),
    flexible: true,
    align: numeric[index] === true ? ('right' as const) : ('left' as const),
  }));
  const cells = rows.map((row) => row.map((value) => (value === null ? 'NULL' : printable(String(value)))));
  const end = truncated ? `\n  ${style.dim(`only the first ${formatCount(rows.length)} rows`)}` : '';
  return `${table(shown, cells, style)}${end}`;
}

function policyLines(policy: PolicyResult, style: Style): string[] {
  const children = policy.children.length === 0 ? '' : `, with ${policy.children.map(printable).join(', ')}`;
  const format = policy.archive === 'none' ? ', without a copy' : '';
  const due =
    policy.rowsDue === 0
      ? 'nothing due'
      : `due ${formatCount(policy.rowsDue)} rows, about ${formatByteSize(policy.estimatedBytes)}`;
  const zone = policy.timezone === null ? '' : `, times of ${printable(policy.timezone)}`;
  const kept = policy.class === null ? '' : `, class ${printable(policy.class)}`;
  const lines = [
    `  ${style.bold(printable(policy.table))}   ${due}`,
    style.dim(
      `    before ${formatTime(policy.cutoff)}, keep ${formatDuration(policy.keepMs)}${kept}${zone}${children}${format}`,
    ),
  ];
  if (policy.triggers.length > 0) lines.push(style.dim(`    fires ${policy.triggers.map(printable).join(', ')}`));
  if (policy.adjusts !== null) lines.push(style.dim(`    corrects ${printable(policy.adjusts)} with every delete`));
  if (policy.summaryRows !== null) lines.push(`    summary ${formatCount(policy.summaryRows)} rows written`);
  if (policy.chunks.length > 0) lines.push(listing(policy.chunks, style, false));
  if (policy.deletedOnly !== null) {
    const kept =
      policy.deletedOnly.kept === 0 ? '' : `, ${formatCount(policy.deletedOnly.kept)} stayed: other rows need them`;
    lines.push(`    deleted ${formatCount(policy.deletedOnly.deleted)} rows${kept}`);
  }
  return lines;
}

function listing(chunks: readonly ChunkResult[], style: Style, withTable = true): string {
  const right = 'right' as const;
  const columns = [
    { title: 'ARCHIVE' },
    { title: 'TABLE', flexible: true },
    { title: 'FORMAT' },
    { title: 'ROWS', align: right },
    { title: 'SIZE', align: right },
    { title: 'STATE' },
    { title: 'DELETED', align: right },
    { title: 'CHANGED', align: right },
    { title: 'KEEP UNTIL' },
  ];
  const hasClass = chunks.some(({ retention }) => retention !== null);
  const rows = chunks.map((chunk) => [
    chunk.id,
    printable(chunk.table),
    chunk.format,
    formatCount(chunk.rows),
    formatByteSize(chunk.bytes),
    chunk.kept && chunk.state === 'done' ? 'kept' : chunk.state,
    formatCount(chunk.deleted),
    formatCount(chunk.stale + chunk.alreadyGone),
    keepUntil(chunk),
  ]);
  const shown = <T>(list: readonly T[]): T[] =>
    list.filter((_, index) => (withTable || index !== 1) && (hasClass || index !== columns.length - 1));
  return table(shown(columns), rows.map(shown), style, withTable ? 2 : 4);
}

function keepUntil({ retention }: ChunkResult): string {
  if (retention === null) return '-';
  return `${retention.until === null ? 'for ever' : retention.until.slice(0, 10)} (${printable(retention.class)})`;
}
