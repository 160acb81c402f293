import type { MigratePlanData } from '../../../commands/migrate/plan.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { MigrationPlan, PlannedStatement, PlanStep } from '../../../core/migration/plan.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatLatency, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';

export function render(report: Report<MigratePlanData>, style: Style): string {
  const { data } = report;
  const lines: string[] = [];
  if (data.steps.length > 0) lines.push(renderSteps(data, style, data.showSql), '');
  if (report.findings.length > 0) lines.push(renderFindings(report.findings, style), '');
  lines.push(summary(data, style));
  return lines.join('\n');
}

function summary(data: MigratePlanData, style: Style): string {
  const database = style.bold(printable(data.database));
  if (data.conflicts.length > 0)
    return `${database}: not planned until ${plural(data.conflicts.length, 'conflict is', 'conflicts are')} settled`;
  if (data.failed !== null) return `${database}: ${style.red('a file fails on the shadow')}; nothing was written`;
  if (data.steps.length === 0) return `${database}: nothing is pending`;
  const where = data.executedOn === 'data' ? 'a copy with all rows' : 'a shadow of the schema';
  const backup = data.needsBackup === true ? `   ${style.dim('up makes a safety backup first')}` : '';
  return `${database}: ${plural(data.steps.length, 'file')}, executed on ${where}: ${style.green('ok')}${backup}`;
}

/** One block per file: what it costs, and its statements. */
export function renderSteps(
  plan: Pick<MigrationPlan, 'steps' | 'needsDiskBytes'>,
  style: Style,
  showSql = false,
): string {
  return plan.steps.map((step) => renderStep(step, style, showSql)).join('\n');
}

function renderStep(step: PlanStep, style: Style, showSql: boolean): string {
  const marks = [
    ...(step.destructive ? [style.yellow('destructive')] : []),
    ...(step.reversible ? [] : [style.yellow('no way back')]),
  ];
  const lines = [
    `${style.bold(printable(step.file))}${marks.length === 0 ? '' : `  ${marks.join(', ')}`}`,
    `  ${style.dim(costs(step))}`,
  ];
  for (const statement of step.statements) {
    if (statement.change !== null && !showSql) lines.push(...tableChange(statement, step, style));
    else lines.push(showSql ? fullStatement(statement) : shortStatement(statement, style));
  }
  return lines.join('\n');
}

function costs(step: PlanStep): string {
  if (!step.executed) return 'a program: listed, not run';
  const about = step.estimated ? '~' : '';
  if (step.walBytes === 0 && step.rows === 0)
    return `${plural(step.statements.length, 'statement')}, no rows to rewrite`;
  return [
    plural(step.statements.length, 'statement'),
    `${about}${plural(step.rows, 'row')}`,
    `lock ${step.lockMs < 1 ? 'under 1 ms' : `${about}${formatLatency(step.lockMs * 1000)}`}`,
    `wal ${about}${formatByteSize(step.walBytes)}`,
    step.estimated ? '(estimate from table sizes)' : '(measured on the copy)',
  ].join('  ');
}

function shortStatement(statement: PlannedStatement, style: Style): string {
  const text = printable(statement.sql.replace(/\s+/g, ' '));
  const measured =
    statement.durationMs === null || statement.rowsChanged === null
      ? ''
      : `  ${formatCount(statement.rowsChanged)} rows, ${formatLatency(statement.durationMs * 1000)}`;
  const width = (style.columns > 0 ? style.columns : 100) - 8 - measured.length;
  const cut = text.length > width ? `${text.slice(0, Math.max(20, width - 1))}…` : text;
  return `  ${String(statement.line).padStart(4)}  ${cut}${style.dim(measured)}`;
}

const ways = {
  none: 'is as wanted already',
  create: 'is created',
  native: 'is changed by ALTER TABLE',
  rebuild: 'is rebuilt',
};

/** What `migrate:table` comes down to. */
function tableChange(statement: PlannedStatement, step: PlanStep, style: Style): string[] {
  const { change } = statement;
  if (change === null) return [];
  const reason = change.reason === null ? '' : style.dim(` (${printable(change.reason)})`);
  const name = printable(/TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([^\s(]+)/i.exec(statement.sql)?.[1] ?? '');
  const lines = [
    `  ${String(statement.line).padStart(4)}  table ${name} ${step.strategy === 'online' ? 'is copied beside its writers and swapped' : ways[change.strategy]}${reason}`,
  ];
  if (change.strategy === 'native') lines.push(...change.runs.map((sql) => `          ${printable(sql)}`));
  return lines;
}

function fullStatement(statement: PlannedStatement): string {
  const lines = statement.sql.split('\n').map(printable);
  return lines
    .map((line, index) => `  ${index === 0 ? String(statement.line).padStart(4) : '    '}  ${line}`)
    .join('\n');
}
