import type { Metric } from '../../report.ts';

interface Definition {
  readonly type: Metric['type'];
  readonly help: string;
  readonly labels: readonly string[];
}

/** Series that the service makes itself; those of samples and queries stand in their own tables. */
export const serviceSeries = {
  sampler_up: { type: 'gauge', help: '1 while samples arrive.', labels: ['database'] },
  findings: { type: 'gauge', help: 'Findings that stand now.', labels: ['database', 'severity'] },
  health_status: {
    type: 'gauge',
    help: 'Status of a check in the last health job: 0 ok, 1 warning, 2 critical, 3 unknown.',
    labels: ['database', 'check'],
  },
  alert_state: {
    type: 'gauge',
    help: 'State of an alert rule: 0 good, 1 waits, 2 fires.',
    labels: ['database', 'rule'],
  },
  job_runs_total: { type: 'counter', help: 'Runs of a scheduled job.', labels: ['database', 'job', 'result'] },
  job_last_success_timestamp_seconds: {
    type: 'gauge',
    help: 'End of the last good run.',
    labels: ['database', 'job'],
  },
  job_duration_seconds: { type: 'gauge', help: 'Length of the last run.', labels: ['database', 'job'] },
  job_failures_in_row: {
    type: 'gauge',
    help: 'Runs that failed since the last good one.',
    labels: ['database', 'job'],
  },
  event_streams: { type: 'gauge', help: 'Browsers that watch now.', labels: [] },
  history_bytes: { type: 'gauge', help: 'Size of the history file.', labels: [] },
} as const satisfies Readonly<Record<string, Definition>>;

/** One sample of a series of the table above. */
export function serviceMetric(
  name: keyof typeof serviceSeries,
  value: number,
  labels: Readonly<Record<string, string>> = {},
): Metric {
  const { type, help } = serviceSeries[name];
  return { name, type, help, value, labels };
}
