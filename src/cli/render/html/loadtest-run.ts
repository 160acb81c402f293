import type { DryRunData } from '../../../commands/loadtest/run.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { LatencyData, RunData } from '../../../core/loadtest/result/run-data.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, formatLatency, formatShare } from '../format.ts';
import { barChart, lineChart } from './chart.ts';
import { environmentTable } from './loadtest-environment.ts';
import { html, htmlFindings, htmlPage, htmlTable, htmlTiles } from './page.ts';

/** One file with charts, to be looked at or attached to a build. */
export function render(report: Report<RunData | DryRunData>): string {
  const { data } = report;
  const title = 'tradedb loadtest run';
  if ('dryRun' in data) return htmlPage(title, report.status, `<pre>${html(JSON.stringify(data, null, 2))}</pre>`);
  const body = [
    introduction(report, data),
    tiles(data),
    thresholdTable(report),
    charts(data),
    '<h2>Transactions</h2>',
    transactionTable(data),
    statementTable(data),
    htmlFindings(report.findings.filter((finding) => finding.id !== 'loadtest.threshold')),
    '<h2>Environment</h2>',
    environmentTable(data.environment),
  ];
  return htmlPage(`${title}: ${data.scenario}`, report.status, body.join('\n'));
}

function introduction(report: Report<unknown>, data: RunData): string {
  const { target, pacing } = data;
  const loop = pacing === null ? 'closed loop' : `open loop, ${data.arrivals} ${formatCount(pacing.targetPerSecond)}/s`;
  const what =
    target.path === null ? 'a new sample database' : target.kind === 'copy' ? `copy of ${target.path}` : target.path;
  const lines = [
    `${what}, ${formatByteSize(target.sizeBytes)}; ${loop}, clients ${data.clients}, transactions per commit ${data.groupSize}`,
    `seed ${data.seed}, statement stream ${data.streamHash}, run ${data.runId}, ${report.startedAt}`,
  ];
  if (!data.complete) lines.push('The run did not reach its end: the figures cover a part of it.');
  return lines.map((line) => `<p class="soft">${html(line)}</p>`).join('\n');
}

function tiles(data: RunData): string {
  const measured = data.phases.find((phase) => phase.name === 'measure');
  const worst = (of: (latency: LatencyData) => number): string => {
    const values = data.transactions.filter(({ count }) => count > 0).map((row) => of(row.response ?? row.service));
    return values.length === 0 ? '-' : formatLatency(Math.max(...values));
  };
  const count = measured?.count ?? 0;
  const seconds = (measured?.durationMs ?? 0) / 1000;
  const view = data.loop === 'open' ? 'response' : 'service';
  return htmlTiles([
    [seconds === 0 ? '-' : `${formatCount(count / seconds)}/s`, 'transactions'],
    [worst((latency) => latency.p50Us), `${view} p50, slowest type`],
    [worst((latency) => latency.p99Us), `${view} p99, slowest type`],
    [formatCount(measured?.failed ?? 0), 'errors'],
    [
      data.resources.cpuPerTransactionUs === null ? '-' : formatLatency(data.resources.cpuPerTransactionUs),
      'CPU per transaction',
    ],
    [formatByteSize(data.wal.maxBytes), `largest WAL, ${data.wal.checkpoints} checkpoints`],
    ...(data.wal.stallUs === null
      ? []
      : ([[formatLatency(data.wal.stallUs.max), 'longest checkpoint stall']] as [string, string][])),
    ...(data.pacing === null
      ? []
      : ([[formatShare(data.pacing.achievedRatio), 'of the rate achieved']] as [string, string][])),
  ]);
}

function thresholdTable(report: Report<unknown>): string {
  const checks = (report.checks ?? []).filter((check) => check.group === 'thresholds');
  if (checks.length === 0) return '';
  const rows = checks.map((check) => {
    const word = check.status === 'ok' ? 'ok' : 'FAIL';
    const kind = check.status === 'ok' ? 'ok' : 'critical';
    return `<tr><td><b class="${kind}">${word}</b></td><td>${html(check.id)}</td><td class="n">${html(check.message)}</td></tr>`;
  });
  return `<h2>Thresholds</h2><div class="scroll"><table><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function charts(data: RunData): string {
  const at = (second: number): string => `${second} s`;
  const { series, distribution } = data;
  const latency = (pick: (row: (typeof series)[number]) => number | null): [number, number][] =>
    series.flatMap((row) => {
      const value = pick(row);
      return value === null || row.count === 0 ? [] : [[row.second, value] as [number, number]];
    });
  const open = data.loop === 'open';
  const ratio = distribution.toUs / Math.max(1e-9, distribution.fromUs);
  const edge = (index: number): string =>
    formatLatency(distribution.fromUs * ratio ** (index / Math.max(1, distribution.counts.length)));
  const drawings = [
    lineChart(
      [{ label: 'transactions', color: 'a', points: series.map((row) => [row.second, row.perSecond] as const) }],
      { title: 'Per second', formatX: at, formatY: formatCount },
    ),
    lineChart(
      [
        { label: 'service p50', color: 'a', points: latency((row) => row.serviceP50Us) },
        { label: 'service p99', color: 'b', points: latency((row) => row.serviceP99Us) },
        ...(open ? [{ label: 'response p99', color: 'c' as const, points: latency((row) => row.responseP99Us) }] : []),
      ],
      { title: 'Latency (logarithmic)', formatX: at, formatY: formatLatency, logarithmic: true },
    ),
    barChart(
      distribution.counts.map((count, index) => ({
        title: `${edge(index)} to ${edge(index + 1)}: ${formatCount(count)}`,
        height: Math.sqrt(count),
      })),
      {
        title: `Distribution of ${distribution.view} time (height: square root of the count)`,
        from: formatLatency(distribution.fromUs),
        to: formatLatency(distribution.toUs),
      },
    ),
    lineChart([{ label: 'WAL', color: 'c', points: series.map((row) => [row.second, row.walBytes] as const) }], {
      title: 'Size of the WAL',
      formatX: at,
      formatY: formatByteSize,
    }),
  ];
  return `<h2>Over time</h2><div class="charts">${drawings.join('\n')}</div>`;
}

function transactionTable(data: RunData): string {
  const number = (title: string) => ({ title, numeric: true });
  const view = (latency: LatencyData | null, count: number): string[] =>
    latency === null || count === 0
      ? ['-', '-', '-', '-']
      : [latency.p50Us, latency.p99Us, latency.p999Us, latency.maxUs].map(formatLatency);
  const codes = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([code, count]) => `${code} ${formatCount(count)}`)
      .join(', ') || '0';
  return htmlTable(
    [
      { title: 'transaction' },
      ...['count', 'per s', 'service p50', 'p99', 'p99.9', 'max', 'response p50', 'p99', 'p99.9', 'max'].map(number),
      { title: 'errors', wrap: true },
      { title: 'retries', wrap: true },
    ],
    data.transactions.map((row) => [
      row.name,
      formatCount(row.count),
      formatCount(row.perSecond),
      ...view(row.service, row.count),
      ...view(row.response, row.count),
      codes(row.errorsByCode),
      codes(row.retriesByCode),
    ]),
  );
}

function statementTable(data: RunData): string {
  if (data.statements.length === 0) return '';
  const number = (title: string) => ({ title, numeric: true });
  const rows = data.statements.map((row) => [
    row.transaction,
    row.sql,
    formatCount(row.count),
    ...[row.p50Us, row.p99Us, row.maxUs].map(formatLatency),
  ]);
  const columns = [
    { title: 'transaction' },
    { title: 'statement', wrap: true },
    ...['count', 'p50', 'p99', 'max'].map(number),
  ];
  return `<h2>Statements</h2>${htmlTable(columns, rows)}`;
}
