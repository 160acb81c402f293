import type { CheckRow } from '../../core/health/check.ts';
import type { HealthData } from '../../core/health/health-data.ts';
import type { Range } from '../../core/health/range.ts';
import { printable } from './format.ts';

/** The line of the monitoring plugin convention: status, the worst check, counts, and performance data behind `|`. */
export function renderNagios(data: HealthData): string {
  const counts = { critical: 0, warning: 0, unknown: 0, ok: 0, skipped: 0 };
  for (const { status } of data.checks) counts[status] += 1;
  const word =
    counts.critical > 0 ? 'CRITICAL' : counts.warning > 0 ? 'WARNING' : counts.unknown > 0 ? 'UNKNOWN' : 'OK';
  const worst = data.checks.find(({ status }) => status === word.toLowerCase());
  const text = worst === undefined || word === 'OK' ? `${counts.ok} checks ok` : `${worst.id}: ${worst.summary}`;
  const rest = [`${counts.critical} critical`, `${counts.warning} warning`, `${counts.unknown} unknown`]
    .filter((part) => !part.startsWith('0'))
    .join(', ');
  const line = `TRADEDB ${word} - ${plain(text)}${rest === '' ? '' : ` (${rest})`}`;
  const perfdata = performanceData(data);
  return perfdata === '' ? line : `${line} | ${perfdata}`;
}

/** `|` would begin the performance data, and a line break the long output. */
function plain(text: string): string {
  return printable(text).replaceAll('|', '/').slice(0, 400);
}

/** Checks whose value is worth a graph in the summary. */
const summarised: ReadonlySet<string> = new Set([
  'wal.backlog',
  'structure.page',
  'file.space',
  'database.size',
  'backup.age',
]);

const labels: Readonly<Record<string, string>> = {
  'wal.backlog': 'wal_backlog',
  'structure.page': 'pages_damaged',
  'file.space': 'free_space',
  'database.size': 'database_size',
  'backup.age': 'backup_age',
};

function performanceData(data: HealthData): string {
  const perfdata = data.nagios?.perfdata ?? 'summary';
  if (perfdata === 'none') return '';
  return data.checks
    .filter(({ id, value }) => value !== undefined && (perfdata === 'all' || summarised.has(id)))
    .map((row) => metric(row, data))
    .join(' ');
}

/** 'label'=value[unit];warn;crit;min;max with numbers only: text would break the graphs that are made of it. */
function metric(row: CheckRow, data: HealthData): string {
  const { value = 0, unit } = row;
  const scale = unit === 'ms' ? 0.001 : unit === 'share' ? 100 : 1;
  const suffix = unit === 'bytes' ? 'B' : unit === 'ms' ? 's' : unit === 'share' ? '%' : '';
  const label = labels[row.id] ?? row.id.replace(/[^A-Za-z0-9_.-]/g, '_');
  // A limit from below is the range that starts there and has no end.
  const below = row.warning !== undefined && row.critical !== undefined && row.critical < row.warning;
  const limit = (number: number | undefined): string =>
    number === undefined ? '' : `${figure(number * scale)}${below ? ':' : ''}`;
  const range = (one: Range | undefined): string =>
    one === undefined ? '' : rangeText(one, (end) => figure(end * scale));
  const maximum = row.id === 'structure.page' && data.scan !== null ? figure(data.scan.pagesTotal) : '';
  const critical =
    row.id === 'structure.page' ? '0' : row.ranges === undefined ? limit(row.critical) : range(row.ranges.critical);
  const warning = row.ranges === undefined ? limit(row.warning) : range(row.ranges.warning);
  return `'${label}'=${figure(value * scale)}${suffix};${warning};${critical};0;${maximum}`;
}

function figure(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

/** As the plugin convention writes it, each end by `write`. */
function rangeText({ from, to, inside }: Range, write: (end: number) => string): string {
  const start = from === undefined ? '~:' : from === 0 && to !== undefined ? '' : `${write(from)}:`;
  return `${inside ? '@' : ''}${start}${to === undefined ? '' : write(to)}`;
}
