import type { HealthRulesData } from '../../../commands/health/rules.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { RuleRow } from '../../../core/health/rule-list.ts';
import type { Report } from '../../../core/report.ts';
import { formatShare, formatTime, plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';
import { table } from '../table.ts';

export function render({ data }: Report<HealthRulesData>, style: Style): string {
  const [only] = data.rules;
  if (data.explained !== null && only !== undefined) return explain(only, style);
  const rows = data.rules.map((rule) => [
    rule.id,
    rule.tier,
    rule.lastStatus === null ? '-' : paintStatus(rule.lastStatus, style),
    rule.lastDurationMs === null || rule.lastDurationMs === 0 ? '-' : formatDuration(rule.lastDurationMs),
    printable(rule.sentence),
  ]);
  const columns = [
    { title: 'check' },
    { title: 'tier' },
    { title: 'last' },
    { title: 'took', align: 'right' as const },
    { title: 'makes sure that', flexible: true },
  ];
  const of = data.database === null ? '' : ` of ${printable(data.database)}`;
  return `${style.bold(`${plural(data.rules.length, 'check')}${of}`)}\n\n${table(columns, rows, style)}`;
}

function explain(rule: RuleRow, style: Style): string {
  const lines = [style.bold(rule.id), `  makes sure that ${printable(rule.sentence)}`, ''];
  const add = (name: string, value: string): void => {
    lines.push(`  ${style.dim(name.padEnd(9))} ${value}`);
  };
  add('tier', `${rule.tier}, ${rule.cost}`);
  add('source', rule.source);
  if (rule.warning !== null && rule.critical !== null) {
    add('limits', `warning ${amount(rule.warning, rule)}, critical ${amount(rule.critical, rule)}`);
  }
  if (rule.lastRunAt !== null && rule.lastStatus !== null) {
    const took = rule.lastDurationMs === null ? '' : `, took ${formatDuration(rule.lastDurationMs)}`;
    add('last run', `${paintStatus(rule.lastStatus, style)} at ${formatTime(rule.lastRunAt)}${took}`);
    if (rule.lastSummary !== null) add('', printable(rule.lastSummary));
  } else add('last run', 'never on this database');
  add('if broken', printable(rule.runbook));
  if (rule.sql !== null) {
    lines.push('', style.dim('  rows of this query are the offenders'));
    for (const line of rule.sql.split('\n')) lines.push(`    ${printable(line)}`);
  }
  return lines.join('\n');
}

function amount(value: number, { unit }: RuleRow): string {
  if (unit === 'bytes') return formatByteSize(value);
  if (unit === 'ms') return formatDuration(value);
  return unit === 'share' ? formatShare(value, 0) : String(value);
}
