import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { KneeData, KneeTrialData } from '../../../core/loadtest/knee/run-knee.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatLatency, formatShare, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<KneeData>, style: Style): string {
  const { data } = report;
  const { target, environment, trials } = data;
  const what = target.path === null ? 'a new sample database' : `copies of ${printable(target.path)}`;
  const checkpoints = trials.reduce((sum, trial) => sum + trial.checkpoints, 0);
  const parts = [
    `${style.bold('knee')}  ${style.bold(interval(data))}   (${printable(data.slo)}, ${plural(trials.length, 'trial')}, ${Math.round(data.secondsOfLoad)} s of load, ${plural(checkpoints, 'checkpoint')})`,
    `${printable(data.scenario)}  seed ${data.seed}  ${what}, ${formatByteSize(target.sizeBytes)}, ${environment.fileSystem.type}, fdatasync p50 ${formatLatency(environment.fdatasyncUs.p50)}`,
    '',
    trialTable(trials, style),
  ];
  for (const check of report.checks ?? []) {
    const word = check.status === 'ok' ? style.green('ok  ') : style.red('FAIL');
    parts.push(`${word}  ${printable(check.id)}  ${printable(check.message)}`);
  }
  const findings = report.findings.filter((finding) => finding.id !== 'loadtest.threshold');
  if (findings.length > 0) parts.push('', renderFindings(findings, style));
  return parts.join('\n');
}

function interval({ interval: { lowPerSecond, highPerSecond, lowOpen, highOpen } }: KneeData): string {
  if (lowOpen) return `below ${formatCount(highPerSecond ?? 0)} per s`;
  if (highOpen) return `above ${formatCount(lowPerSecond ?? 0)} per s`;
  return `${formatCount(lowPerSecond ?? 0)} .. ${formatCount(highPerSecond ?? 0)} per s`;
}

/** One line per rate, from slow to fast. */
function trialTable(trials: readonly KneeTrialData[], style: Style): string {
  const rates = [...new Set(trials.map((trial) => trial.ratePerSecond))].sort((a, b) => a - b);
  const rows = rates.map((rate) => {
    const here = trials.filter((trial) => trial.ratePerSecond === rate);
    const passed = here.filter((trial) => trial.passed).length;
    const marks = here.map((trial) => (trial.passed ? style.green('+') : style.red('-'))).join('');
    const p99 = here.map((trial) => trial.p99Us ?? 0).sort((a, b) => a - b);
    const reached = Math.min(...here.map((trial) => trial.achievedRatio));
    return [
      formatCount(rate),
      `${passed}/${here.length}`,
      marks,
      formatLatency(p99[Math.floor(p99.length / 2)] ?? 0),
      formatShare(reached),
    ];
  });
  return table(
    [
      { title: 'per s', align: 'right' },
      { title: 'held', align: 'right' },
      { title: 'trials' },
      { title: 'median p99', align: 'right' },
      { title: 'least achieved', align: 'right' },
    ],
    rows,
    style,
  );
}
