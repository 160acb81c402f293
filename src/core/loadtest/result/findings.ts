import { formatByteSize } from '../../config/byte-size.ts';
import { formatDuration } from '../../config/duration.ts';
import type { Limits } from '../../config/section/observation.ts';
import type { CheckResult, Finding } from '../../report.ts';
import type { Unit } from '../threshold.ts';
import type { RunData, ThresholdData } from './run-data.ts';

/** The limits of the monitor, so that a load test and production are judged by the same figures. */
export interface AlertLimits {
  /** Milliseconds. */
  readonly queryLatency: Limits<number>;
  readonly errorRate: Limits<number>;
  readonly poolUse: Limits<number>;
}

/** Fewer checkpoints than this say little about the stalls they cause. */
const enoughCheckpoints = 10;

export function formatValue(value: number | null, unit: Unit): string {
  if (value === null) return 'nothing measured';
  switch (unit) {
    case 'duration':
      return formatDuration(value / 1000);
    case 'share':
      return `${(value * 100).toFixed(value > 0 && value < 0.01 ? 3 : 1)}%`;
    case 'bytes':
      return formatByteSize(value);
    case 'perSecond':
      return `${Math.round(value).toLocaleString('en-US')}/s`;
  }
}

export function runFindings(data: RunData, limits: AlertLimits, thresholds: readonly ThresholdKind[]): Finding[] {
  return [
    ...thresholdFindings(data.thresholds),
    ...verificationFindings(data),
    ...outcomeFindings(data),
    ...(data.complete || data.aborted ? alertFindings(data, limits) : []),
    ...trustFindings(data, thresholds),
  ];
}

/** Enough of a threshold to know whether it depends on rare stalls. */
export interface ThresholdKind {
  readonly judgesTail: boolean;
}

function thresholdFindings(thresholds: readonly ThresholdData[]): Finding[] {
  return thresholds
    .filter((threshold) => !threshold.passed)
    .map((threshold) => ({
      id: 'loadtest.threshold',
      severity: 'critical',
      subject: threshold.expression,
      message: `crossed: ${formatValue(threshold.actual, threshold.unit)}`,
    }));
}

function verificationFindings({ verification }: RunData): Finding[] {
  if (verification === null || verification.problems.length === 0) return [];
  return [
    {
      id: 'loadtest.verification',
      severity: 'critical',
      message: `the file is not sound after the load: ${verification.problems[0]}`,
      hint: 'keep the copy with --keep and look at it with: tradedb health --full',
    },
  ];
}

function outcomeFindings(data: RunData): Finding[] {
  const succeeded = data.transactions.reduce((sum, transaction) => sum + transaction.count, 0);
  const failed = data.transactions.reduce((sum, transaction) => sum + transaction.failed, 0);
  const findings: Finding[] = [];
  if (!data.complete) {
    findings.push({
      id: 'loadtest.incomplete',
      severity: 'warning',
      message: data.aborted
        ? 'a crossed threshold ended the run early'
        : 'the run was interrupted; figures cover a part',
    });
  }
  if (succeeded === 0 && failed > 0) {
    const codes = [...new Set(data.transactions.flatMap((transaction) => Object.keys(transaction.errorsByCode)))];
    findings.push({
      id: 'loadtest.all-failed',
      severity: 'critical',
      message: `every transaction failed: ${codes.join(', ')}`,
      hint: 'the scenario does not fit this database',
    });
  }
  return findings;
}

function alertFindings(data: RunData, limits: AlertLimits): Finding[] {
  const findings: Finding[] = [];
  const slow = data.transactions.filter(
    ({ count, ...row }) => count > 0 && p99Of(row) > limits.queryLatency.warning * 1000,
  );
  const slowest = slow.toSorted((a, b) => p99Of(b) - p99Of(a))[0];
  if (slowest !== undefined) {
    const view = slowest.response === null ? 'service' : 'response';
    const others = slow.length === 1 ? '' : `, and of ${slow.length - 1} more`;
    findings.push({
      id: 'loadtest.query-latency',
      severity: 'warning',
      subject: slowest.name,
      message: `${view} p99 ${formatDuration(p99Of(slowest) / 1000)}${others} is above alerts.thresholds.queryLatency (${formatDuration(limits.queryLatency.warning)})`,
      values: { p99Us: Math.round(p99Of(slowest)), transactions: slow.length },
    });
  }
  for (const transaction of data.transactions) {
    const attempted = transaction.count + transaction.failed;
    const rate = attempted === 0 ? 0 : transaction.failed / attempted;
    if (rate <= limits.errorRate.warning) continue;
    findings.push({
      id: 'loadtest.error-rate',
      severity: 'warning',
      subject: transaction.name,
      message: `${formatValue(rate, 'share')} failed, above alerts.thresholds.errorRate (${formatValue(limits.errorRate.warning, 'share')}): ${Object.keys(transaction.errorsByCode).join(', ')}`,
      values: { failed: transaction.failed },
    });
  }
  const busy = data.backgroundReaders?.busyShare ?? 0;
  if (busy > limits.poolUse.warning) {
    findings.push({
      id: 'loadtest.pool-use',
      severity: 'warning',
      message: `the background readers were busy ${formatValue(busy, 'share')} of the time, above alerts.thresholds.poolUse (${formatValue(limits.poolUse.warning, 'share')})`,
    });
  }
  return findings;
}

function p99Of({ response, service }: Pick<RunData['transactions'][number], 'response' | 'service'>): number {
  return (response ?? service).p99Us;
}

function trustFindings(data: RunData, thresholds: readonly ThresholdKind[]): Finding[] {
  const { environment, wal } = data;
  const findings: Finding[] = [];
  const connection = environment.connections[0];
  if (thresholds.some((threshold) => threshold.judgesTail) && wal.checkpoints < enoughCheckpoints) {
    findings.push({
      id: 'loadtest.few-checkpoints',
      severity: 'warning',
      message: `a p99 was judged on ${wal.checkpoints} checkpoints: their stalls are hardly in it`,
      hint: `run longer, until at least ${enoughCheckpoints} are covered`,
    });
  }
  if (environment.fileSystem.inMemory && connection?.synchronous === 'full') {
    findings.push({
      id: 'loadtest.memory-file-system',
      severity: 'warning',
      message: `${environment.fileSystem.type} makes synchronous FULL free: these figures are not those of a disk`,
      hint: 'choose a folder on a disk with --scratch-dir',
    });
  }
  if (connection !== undefined && connection.journalMode !== 'wal') {
    findings.push({
      id: 'loadtest.journal-mode',
      severity: 'info',
      message: `the database is in journal mode ${connection.journalMode}: readers and the writer wait for each other`,
    });
  }
  if (environment.loadAverageBefore[0] > environment.cores) {
    findings.push({
      id: 'loadtest.busy-machine',
      severity: 'info',
      message: `load average ${environment.loadAverageBefore[0].toFixed(1)} on ${environment.cores} cores before the start: trust ratios and CPU, not latencies`,
    });
  }
  return findings;
}

/** One case per threshold, one for the soundness of the file. */
export function runChecks(data: RunData): CheckResult[] {
  const checks = data.thresholds.map(
    (threshold): CheckResult => ({
      id: threshold.expression,
      group: 'thresholds',
      status: threshold.passed ? 'ok' : 'critical',
      message: formatValue(threshold.actual, threshold.unit),
      durationMs: data.phases.find((phase) => phase.name === 'measure')?.durationMs ?? 0,
    }),
  );
  const { verification } = data;
  checks.push({
    id: 'verification',
    group: 'database',
    status: verification === null ? 'skipped' : verification.problems.length === 0 ? 'ok' : 'critical',
    message:
      verification === null
        ? 'not made'
        : (verification.problems[0] ??
          (verification.rulesChecked > 0
            ? `quick_check, foreign keys and ${verification.rulesChecked} trading rules hold`
            : 'quick_check and foreign keys are sound')),
    durationMs: 0,
  });
  return checks;
}
