import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { KneeData, KneeTrialData } from '../../../core/loadtest/knee/run-knee.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, formatLatency, formatShare, plural } from '../format.ts';
import { lineChart } from './chart.ts';
import { environmentTable } from './loadtest-environment.ts';
import { html, htmlFindings, htmlPage, htmlTable, htmlTiles } from './page.ts';

/** The interval, and every trial it was found by. */
export function render(report: Report<KneeData>): string {
  const { data } = report;
  const checkpoints = data.trials.reduce((sum, trial) => sum + trial.checkpoints, 0);
  const body = [
    introduction(report),
    htmlTiles([
      [intervalText(data), 'per second'],
      [data.estimatePerSecond === null ? '-' : `${formatCount(data.estimatePerSecond)}/s`, 'estimate'],
      [String(data.trials.length), 'trials'],
      [`${Math.round(data.secondsOfLoad)} s`, 'of load'],
      [String(checkpoints), 'checkpoints covered'],
      [data.converged ? 'yes' : 'no', 'converged'],
    ]),
    limitTable(data),
    '<h2>Trials</h2>',
    `<div style="max-width:640px">${trialChart(data.trials)}</div>`,
    trialTable(data.trials),
    htmlFindings(report.findings.filter((finding) => finding.id !== 'loadtest.threshold')),
    '<h2>Environment</h2>',
    environmentTable(data.environment),
  ];
  return htmlPage(`tradedb loadtest knee: ${data.scenario}`, report.status, body.join('\n'));
}

function introduction({ data, startedAt }: Report<KneeData>): string {
  const { target } = data;
  const what = target.path === null ? 'a new sample database' : `copies of ${target.path}`;
  const lines = [
    `The highest rate that holds ${data.slo}, on ${what}, ${formatByteSize(target.sizeBytes)}`,
    `seed ${data.seed}, ${plural(data.trials.length, 'trial')}, ${startedAt}`,
  ];
  return lines.map((line) => `<p class="soft">${html(line)}</p>`).join('\n');
}

function intervalText({ interval: { lowPerSecond, highPerSecond, lowOpen, highOpen } }: KneeData): string {
  if (lowOpen) return `below ${formatCount(highPerSecond ?? 0)}`;
  if (highOpen) return `above ${formatCount(lowPerSecond ?? 0)}`;
  return `${formatCount(lowPerSecond ?? 0)} to ${formatCount(highPerSecond ?? 0)}`;
}

function limitTable({ thresholds }: KneeData): string {
  if (thresholds.length === 0) return '';
  const rows = thresholds.map(({ expression, passed, actual }) => [
    passed ? 'ok' : 'FAIL',
    expression,
    actual === null ? 'no rate held the limit' : `${formatCount(actual)}/s`,
  ]);
  return `<h2>Thresholds</h2>${htmlTable([{ title: '' }, { title: 'threshold' }, { title: 'found', numeric: true }], rows)}`;
}

function trialChart(trials: readonly KneeTrialData[]): string {
  const points = (passed: boolean): [number, number][] =>
    trials
      .filter((trial) => trial.passed === passed && trial.p99Us !== null)
      .map((trial) => [trial.ratePerSecond, trial.p99Us ?? 0]);
  return lineChart(
    [
      { label: 'held', color: 'ok', points: points(true), isScattered: true },
      { label: 'did not hold', color: 'critical', points: points(false), isScattered: true },
    ],
    {
      title: 'Response p99 of each trial by its rate (logarithmic)',
      formatX: (rate) => `${formatCount(rate)}/s`,
      formatY: formatLatency,
      logarithmic: true,
    },
  );
}

function trialTable(trials: readonly KneeTrialData[]): string {
  const rows = trials.map((trial, index) => [
    String(index + 1),
    formatCount(trial.ratePerSecond),
    trial.passed ? 'held' : trial.reason,
    trial.p99Us === null ? '-' : formatLatency(trial.p99Us),
    formatShare(trial.achievedRatio),
    String(trial.checkpoints),
    `${(trial.durationMs / 1000).toFixed(1)} s`,
  ]);
  const right = (title: string) => ({ title, numeric: true });
  return htmlTable(
    [
      { title: 'trial' },
      right('per s'),
      { title: 'outcome' },
      ...['p99', 'achieved', 'checkpoints', 'length'].map(right),
    ],
    rows,
  );
}
