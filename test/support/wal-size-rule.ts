import type { AlertRule } from '../../src/core/alert/rule.ts';
import type { Metric } from '../../src/core/report.ts';

/** Critical at once from 5 upward. */
export const walSizeRule: AlertRule = {
  id: 'wal-size',
  metric: 'wal_backlog_bytes',
  select: {},
  except: {},
  direction: 'above',
  limits: { critical: 5 },
  clear: {},
  forMs: 0,
  keepMs: 0,
  nodata: 'keep',
  group: 'default',
  labels: {},
};

/** One look at which it is bad. */
export const badMetrics: readonly Metric[] = [{ name: 'wal_backlog_bytes', help: '', type: 'gauge', value: 9 }];
