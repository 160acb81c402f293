import type { DryRunData } from '../../../commands/loadtest/run.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { LatencyData, RunData } from '../../../core/loadtest/result/run-data.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatLatency, formatShare, plural, printable, sparkline } from '../format.ts';
import type { Style } from '../style.ts';
import { type Column, table } from '../table.ts';

export function render(report: Report<RunData | DryRunData>, style: Style): string {
  const { data } = report;
  if ('dryRun' in data) return renderPlan(data, style);
  const parts = [
    headline(data, style),
    loadLine(data, style),
    '',
    transactionTable(data, style),
    ...distributionLines(data, style),
    ...statementTable(data, style),
    resourceLine(data, style),
    ...checkLines(report, style),
    ...findingLines(report, style),
  ];
  if (data.scratchFolder !== null) parts.push(style.dim(`  kept: ${printable(data.scratchFolder)}`));
  return parts.join('\n');
}

function headline(data: RunData, style: Style): string {
  const { target, environment } = data;
  const what =
    target.kind === 'sample'
      ? 'a new sample database'
      : target.kind === 'copy'
        ? `scratch copy of ${printable(target.path ?? '')}`
        : `${printable(target.path ?? '')} itself`;
  const disk = `${environment.fileSystem.type}, fdatasync p50 ${formatLatency(environment.fdatasyncUs.p50)}`;
  return `${style.bold(printable(data.scenario))}  seed ${data.seed}  stream ${data.streamHash.slice(0, 8)}  ${what}, ${formatByteSize(target.sizeBytes)}, ${disk}`;
}

function loadLine(data: RunData, style: Style): string {
  const { pacing, phases, wal } = data;
  const warmup = phases.find((phase) => phase.name === 'warmup');
  const measured = phases.find((phase) => phase.name === 'measure');
  const connection = data.environment.connections[0];
  const loop = pacing === null ? 'closed loop' : `open loop  ${data.arrivals} ${formatCount(pacing.targetPerSecond)}/s`;
  const parts = [
    loop,
    plural(data.clients, 'client'),
    ...(data.groupSize > 1 ? [`${data.groupSize} per commit`] : []),
    connection === undefined ? '' : `synchronous ${connection.synchronous.toUpperCase()}`,
    warmup === undefined
      ? 'no warm-up'
      : `warm-up ${formatDuration(warmup.durationMs)}${data.loop === 'open' && warmup.complete ? ' drained' : ''}`,
    measured === undefined ? style.yellow('not measured') : `measured ${formatDuration(measured.durationMs)}`,
    plural(wal.checkpoints, 'checkpoint'),
  ];
  const line = parts.filter((part) => part !== '').join('  ');
  return data.complete ? line : `${line}  ${style.yellow(data.aborted ? 'ended by a threshold' : 'INTERRUPTED')}`;
}

/** A terminal narrower than this gets the columns that are read first. */
const wideColumns = 112;

function transactionTable(data: RunData, style: Style): string {
  const right = (title: string): Column => ({ title, align: 'right' });
  const isNarrow = style.columns > 0 && style.columns < wideColumns;
  const percentiles = isNarrow ? ['p99'] : ['p99', 'p99.9'];
  const showsResponse = data.loop === 'open' || !isNarrow;
  const columns: Column[] = [
    { title: 'transaction', flexible: true },
    right('count'),
    right('per s'),
    ...['service p50', ...percentiles].map(right),
    ...(showsResponse ? ['response p50', ...percentiles].map(right) : []),
    right(isNarrow ? 'err' : 'errors'),
    ...(isNarrow ? [] : [right('retries')]),
  ];
  const latencies = (latency: LatencyData | null, count: number): string[] => {
    if (latency === null || count === 0) return ['-', ...percentiles.map(() => '-')];
    const shown = isNarrow ? [latency.p50Us, latency.p99Us] : [latency.p50Us, latency.p99Us, latency.p999Us];
    return shown.map(formatLatency);
  };
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, count) => total + count, 0);
  const rows = data.transactions.map((transaction) => [
    printable(transaction.name),
    formatCount(transaction.count),
    formatCount(transaction.perSecond),
    ...latencies(transaction.service, transaction.count),
    ...(showsResponse ? latencies(transaction.response, transaction.count) : []),
    formatCount(transaction.failed),
    ...(isNarrow ? [] : [formatCount(sum(transaction.retriesByCode))]),
  ]);
  const lines = [table(columns, rows, style)];
  const codes = new Map<string, number>();
  for (const { errorsByCode } of data.transactions) {
    for (const [code, count] of Object.entries(errorsByCode)) codes.set(code, (codes.get(code) ?? 0) + count);
  }
  if (codes.size > 0) {
    const list = [...codes].map(([code, count]) => `${printable(code)} ${formatCount(count)}`).join('  ');
    lines.push(`  ${style.red('errors')}  ${list}`);
  }
  return lines.join('\n');
}

function distributionLines(data: RunData, style: Style): string[] {
  const { counts, fromUs, toUs, view } = data.distribution;
  if (counts.length === 0) return [];
  // Square roots keep a tail of few slow transactions visible beside the peak.
  const bars = sparkline(counts.map((count) => Math.sqrt(count)));
  const perSecond = data.series.map((row) => row.perSecond);
  const lines = [`  ${view}  ${formatLatency(fromUs)} ${style.cyan(bars)} ${formatLatency(toUs)}`];
  if (perSecond.length > 1) {
    const shown = perSecond.length > 60 ? thinned(perSecond, 60) : perSecond;
    lines.push(
      `  per second  ${style.cyan(sparkline(shown))}  ${formatCount(Math.min(...perSecond))} to ${formatCount(Math.max(...perSecond))}`,
    );
  }
  return ['', ...lines];
}

function thinned(values: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const part = values.slice(
      Math.floor((index * values.length) / count),
      Math.floor(((index + 1) * values.length) / count),
    );
    return part.reduce((sum, value) => sum + value, 0) / Math.max(1, part.length);
  });
}

function statementTable(data: RunData, style: Style): string[] {
  if (data.statements.length === 0) return [];
  const columns: Column[] = [
    { title: 'statement', flexible: true },
    { title: 'count', align: 'right' },
    { title: 'p50', align: 'right' },
    { title: 'p99', align: 'right' },
    { title: 'max', align: 'right' },
  ];
  const rows = data.statements.map((statement) => [
    `${printable(statement.transaction)}: ${printable(statement.sql.replace(/\s+/g, ' ')).slice(0, 80)}`,
    formatCount(statement.count),
    formatLatency(statement.p50Us),
    formatLatency(statement.p99Us),
    formatLatency(statement.maxUs),
  ]);
  return ['', table(columns, rows, style)];
}

function resourceLine(data: RunData, style: Style): string {
  const { resources, wal, pacing, backgroundReaders } = data;
  const measured = data.phases.find((phase) => phase.name === 'measure');
  if (measured === undefined) return '';
  const seconds = Math.max(0.001, measured.durationMs / 1000);
  const parts = [
    resources.cpuPerTransactionUs === null ? '' : `CPU ${formatLatency(resources.cpuPerTransactionUs)}/txn`,
    `involuntary switches ${formatCount(resources.involuntarySwitches / seconds)}/s`,
    `GC ${formatShare(resources.gcPauseMs / (measured.durationMs * data.clients))}`,
    `WAL at most ${formatByteSize(wal.maxBytes)}`,
    ...(wal.stallUs === null
      ? []
      : [`checkpoint stalls p50 ${formatLatency(wal.stallUs.p50)}, max ${formatLatency(wal.stallUs.max)}`]),
    ...(pacing === null
      ? []
      : [
          `late ${formatShare(pacing.scheduled === 0 ? 0 : pacing.late / pacing.scheduled)}`,
          `dropped ${formatCount(pacing.dropped)}`,
          ...(pacing.unfinished > 0 ? [style.yellow(`unfinished ${formatCount(pacing.unfinished)}`)] : []),
        ]),
    ...(backgroundReaders === null
      ? []
      : [
          `readers ${backgroundReaders.size}, ${plural(backgroundReaders.scans, 'scan')}, busy ${formatShare(backgroundReaders.busyShare)}`,
        ]),
  ];
  return `\n${parts.filter((part) => part !== '').join('   ')}`;
}

function checkLines(report: Report<unknown>, style: Style): string[] {
  return (report.checks ?? []).map((check) => {
    const word =
      check.status === 'ok' ? style.green('ok  ') : check.status === 'skipped' ? style.dim('-   ') : style.red('FAIL');
    return `${word}  ${printable(check.id).padEnd(26)}  ${printable(check.message)}`;
  });
}

/** Crossed thresholds and the verification have their lines already. */
function findingLines(report: Report<unknown>, style: Style): string[] {
  const findings = report.findings.filter(
    (finding) => !['loadtest.threshold', 'loadtest.verification'].includes(finding.id),
  );
  return findings.length === 0 ? [] : ['', renderFindings(findings, style)];
}

function renderPlan(data: DryRunData, style: Style): string {
  const target = data.target.path === null ? 'a new sample database' : printable(data.target.path);
  return [
    `${style.bold('plan')}  ${data.target.kind} of ${target}; scratch folder in ${printable(data.scratchParent)}; nothing was done`,
    `stream ${data.streamHash}`,
    JSON.stringify(data.plan, null, 2),
  ].join('\n');
}
