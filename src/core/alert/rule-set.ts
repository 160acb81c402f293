import type { Config } from '../config/schema.ts';
import { TradedbError } from '../error.ts';
import type { AlertRule } from './rule.ts';

type Thresholds = Config['alerts']['thresholds'];
type ConfiguredRule = Config['alerts']['rules'][number];

/** Statuses of health checks as numbers: 1 is a warning, 2 critical. */
const statusLimits = { warning: 1, critical: 2 };

const base = {
  select: {},
  except: {},
  direction: 'above',
  clear: {},
  forMs: 0,
  keepMs: 0,
  nodata: 'keep',
  group: 'default',
  labels: {},
} as const satisfies Partial<AlertRule>;

/**
 * The built-in rules, from the limits of `alerts.thresholds`, and those of the configuration; one with the id of a
 * built-in rule takes its place. An alert on a size ends only when the value is 10 % on the good side of its limit.
 */
export function ruleSet(alerts: Config['alerts']): AlertRule[] {
  const own = alerts.rules.map(toRule);
  const twice = own.find(({ id }, index) => own.findIndex((rule) => rule.id === id) !== index);
  if (twice !== undefined) throw invalid(twice.id, 'is there twice');
  return [...builtInRules(alerts.thresholds).filter(({ id }) => !own.some((rule) => rule.id === id)), ...own];
}

function builtInRules(thresholds: Thresholds): AlertRule[] {
  const sized = (id: string, metric: string, limits: Limits, direction: AlertRule['direction'], runbook: string) => {
    const factor = direction === 'above' ? 0.9 : 1.1;
    const clear = { warning: limits.warning * factor, critical: limits.critical * factor };
    return { ...base, id, metric, limits, clear, direction, runbook };
  };
  const { databaseSize, walSize, freeSpace } = thresholds;
  const covered = ['database.size', 'wal.backlog', 'file.space', 'backup.age'];
  return [
    {
      ...base,
      id: 'unreachable',
      metric: 'health_reachable',
      direction: 'below',
      limits: { critical: 0 },
      runbook: 'tradedb health',
    },
    sized('database-size', 'database_size_bytes', databaseSize, 'above', 'tradedb analyze space'),
    sized('wal-size', 'wal_backlog_bytes', walSize, 'above', 'tradedb monitor'),
    sized('free-space', 'database_free_space_bytes', freeSpace, 'below', 'tradedb analyze space'),
    {
      ...base,
      id: 'backup-age',
      metric: 'health_status',
      select: { check: 'backup.age' },
      limits: statusLimits,
      runbook: 'tradedb backup',
    },
    {
      ...base,
      id: 'health',
      metric: 'health_status',
      except: { check: covered },
      limits: statusLimits,
      runbook: 'tradedb health',
    },
  ];
}

interface Limits {
  readonly warning: number;
  readonly critical: number;
}

function toRule(rule: ConfiguredRule): AlertRule {
  const { metric, select } = parseExpression(rule.id, rule.expr);
  if (rule.warn === undefined && rule.crit === undefined) throw invalid(rule.id, 'needs "warn", "crit" or both');
  const direction = rule.direction;
  const isBeyond = (a: number | undefined, b: number | undefined): boolean =>
    a !== undefined && b !== undefined && (direction === 'above' ? a > b : a < b);
  if (isBeyond(rule.warn, rule.crit)) throw invalid(rule.id, '"crit" must be worse than "warn"');
  if (isBeyond(rule.clear.warn, rule.warn) || isBeyond(rule.clear.crit, rule.crit)) {
    throw invalid(rule.id, '"clear" must not be worse than the limit that it ends');
  }
  // Otherwise an alert would stay critical below the value at which it would not even be a warning.
  if (isBeyond(rule.warn, rule.clear.crit)) throw invalid(rule.id, '"clear.crit" must not be milder than "warn"');
  const limits = (warn: number | undefined, crit: number | undefined) => ({
    ...(warn === undefined ? {} : { warning: warn }),
    ...(crit === undefined ? {} : { critical: crit }),
  });
  return {
    ...base,
    id: rule.id,
    metric,
    select,
    direction,
    limits: limits(rule.warn, rule.crit),
    clear: limits(rule.clear.warn, rule.clear.crit),
    forMs: rule.for,
    keepMs: rule.keep,
    nodata: rule.nodata,
    group: rule.group,
    labels: rule.labels,
    ...(rule.runbook === undefined ? {} : { runbook: rule.runbook }),
  };
}

/** `health_status{check="wal.chain"}`: a metric, and labels that its samples must have. */
function parseExpression(id: string, expression: string): { metric: string; select: Record<string, string> } {
  const match = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})?$/.exec(expression.trim());
  if (match?.[1] === undefined) throw invalid(id, `"expr" ${JSON.stringify(expression)} is no metric`);
  const select: Record<string, string> = {};
  for (const part of (match[2] ?? '').split(',').filter((text) => text.trim() !== '')) {
    const label = /^\s*([A-Za-z_]\w*)\s*=\s*"([^"]*)"\s*$/.exec(part);
    if (label?.[1] === undefined) throw invalid(id, `"expr" has ${JSON.stringify(part)} where name="value" belongs`);
    select[label[1]] = label[2] ?? '';
  }
  return { metric: match[1].replace(/^tradedb_/, ''), select };
}

function invalid(id: string, problem: string): TradedbError {
  return new TradedbError('config_invalid', `alerts.rules: ${JSON.stringify(id)} ${problem}`, {
    hint: 'see docs/alerts.md for the form of a rule',
  });
}
