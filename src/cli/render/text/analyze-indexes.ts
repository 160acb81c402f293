import type { AdviceReportData } from '../../../commands/analyze/indexes.ts';
import type { Recommendation } from '../../../core/analysis/index-advice/recommendation.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatLatency, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<AdviceReportData>, style: Style): string {
  const { data } = report;
  const lines = [style.bold(printable(data.path)) + style.dim(workloadText(data)), ''];
  if (data.recommendations.length === 0) lines.push(nothingText(data));
  for (const [index, one] of data.recommendations.entries()) lines.push(...recommendationLines(index + 1, one, style));
  lines.push(...costLines(data, style), ...frontierLines(data, style), ...confirmationLines(data, style));
  lines.push(...overlapLines(data, style));
  if (data.unused.length > 0) {
    const names = data.unused.map((index) => `${printable(index.name)} (${formatByteSize(index.bytes)})`).join(', ');
    lines.push('', `  not used by this workload: ${names}`);
  }
  const others = report.findings.filter((finding) =>
    /^(index\.(foreign-key|left|estimated|without-stat4)$|schema\.strict$|migration\.)/.test(finding.id),
  );
  if (others.length > 0) lines.push('', renderFindings(others, style));
  lines.push(...rejectedLines(data, style), ...migrationLines(data, style));
  return lines.join('\n');
}

function workloadText({ workload, withoutStat4 }: AdviceReportData): string {
  if (workload === null) return '  from the schema alone';
  const period = workload.period === null ? '' : ` per ${printable(workload.period)}`;
  const stat4 = !workload.stat4 ? 'no' : withoutStat4?.held === true ? 'with and without' : 'yes';
  const engine = workload.engine === null ? '' : `, ${printable(workload.engine)}`;
  return `  ${plural(workload.statements, 'query', 'queries')}, ${plural(workload.executions, 'execution')}${period}, STAT4: ${stat4}${engine}`;
}

function nothingText(data: AdviceReportData): string {
  if (data.workload === null) return '  no index is there twice; for more give a workload with -w';
  return data.complete ? '  no advice: nothing that was tried helps enough' : '  no advice within the time limit';
}

function recommendationLines(number: number, one: Recommendation, style: Style): string[] {
  const verb = {
    create: style.green('create'),
    drop: style.red('drop'),
    analyze: style.cyan('analyze'),
    withoutRowid: style.cyan('rebuild'),
  }[one.action];
  const figures = [
    ...(one.readGain === null ? [] : [`reads ${signed(-one.readGain)}`]),
    ...(one.writeChange === null ? [] : [`writes ${signed(one.writeChange)}`]),
    ...(one.bytes === 0
      ? []
      : [
          one.action === 'drop' || one.action === 'withoutRowid'
            ? `-${formatByteSize(one.bytes)}`
            : formatByteSize(one.bytes),
        ]),
    ...(one.buildMs === null ? [] : [`build ${formatLatency(one.buildMs * 1000)}`]),
  ];
  const stat4 = one.withoutStat4 === 'different' || one.withoutStat4 === 'unused';
  return [
    `${String(number).padStart(3)} ${verb}  ${style.bold(printable(one.action === 'withoutRowid' ? `${one.table} WITHOUT ROWID` : one.sql.replace(/^CREATE INDEX |^DROP INDEX /, '')))}`,
    ...(figures.length === 0 ? [] : [`      ${figures.join('   ')}`]),
    `      ${style.dim(printable(one.reason))}`,
    ...(stat4 ? [`      ${style.yellow('an engine without STAT4 does not use it the same way')}`] : []),
    ...one.queries
      .filter(
        (query) =>
          query.beforeMs !== null && query.afterMs !== null && one.action !== 'drop' && one.action !== 'analyze',
      )
      .map((query) => `        ${printable(query.name)}  ${latency(query.beforeMs)} -> ${latency(query.afterMs)}`),
  ];
}

function costLines(data: AdviceReportData, style: Style): string[] {
  if (data.before === null || data.after === null || data.recommendations.length === 0) return [];
  const { before, after } = data;
  return [
    '',
    table(
      [
        { title: '' },
        { title: 'before', align: 'right' },
        { title: 'after', align: 'right' },
        { title: '', align: 'right' },
      ],
      [
        ['reads', latency(before.readMs), latency(after.readMs), change(before.readMs, after.readMs)],
        ['writes', latency(before.writeMs), latency(after.writeMs), change(before.writeMs, after.writeMs)],
        [
          'indexes',
          formatByteSize(before.indexBytes),
          formatByteSize(after.indexBytes),
          change(before.indexBytes, after.indexBytes),
        ],
      ],
      style,
    ),
  ];
}

const mostPoints = 8;

/** What smaller sets would save: one limit does not suit every disk. */
function frontierLines({ frontier }: AdviceReportData, style: Style): string[] {
  if (frontier.length < 3) return [];
  const every = Math.ceil((frontier.length - 1) / (mostPoints - 1));
  const shown = frontier.filter((_, at) => (frontier.length - 1 - at) % every === 0 || at === 0);
  return [
    '',
    table(
      [
        { title: 'new indexes', align: 'right' },
        { title: 'size', align: 'right' },
        { title: 'workload', align: 'right' },
      ],
      shown.map(({ added, bytes, totalMs }) => [
        formatCount(added.length),
        bytes === 0 ? '0' : formatByteSize(bytes),
        latency(totalMs),
      ]),
      style,
    ),
  ];
}

function confirmationLines(data: AdviceReportData, style: Style): string[] {
  if (data.confirmation.length === 0) return [];
  const reads = data.confirmation.filter((one) => !one.isWrite);
  const count = (verdict: string): number => reads.filter((one) => one.verdict === verdict).length;
  const compared = data.confirmation.filter((one) => one.sameRows !== null);
  const same = compared.filter((one) => one.sameRows === true).length;
  const heldOut = data.confirmation.some((one) => one.heldOut)
    ? 'on held-out values'
    : 'on the same values (in-sample)';
  const slower = count('regression');
  const writes = data.confirmation.filter((one) => one.isWrite && one.verdict === 'regression').length;
  return [
    '',
    `  confirmed ${heldOut}: ${count('improvement')} reads faster, ${count('no-change') + count('same-plan')} unchanged, ` +
      `${slower > 0 ? style.red(`${slower} slower`) : '0 slower'}, ${count('unresolved')} unresolved; ` +
      `${plural(writes, 'write')} slower; same rows in ${same} of ${compared.length}`,
  ];
}

function overlapLines(data: AdviceReportData, style: Style): string[] {
  const suspects = data.overlapping.filter((one) => one.kind === 'prefix');
  if (suspects.length === 0) return [];
  return [
    '',
    style.dim('  may be redundant; a workload (-w) tells whether they can go:'),
    ...suspects.map((one) => `    ${printable(one.name)} starts like ${printable(one.servedBy)}`),
  ];
}

function rejectedLines(data: AdviceReportData, style: Style): string[] {
  if (data.rejected.length === 0) return [];
  if (!data.rejectedShown)
    return ['', style.dim(`  not taken: ${formatCount(data.rejected.length)} candidates (--all)`)];
  return [
    '',
    style.dim('  not taken'),
    ...data.rejected.map((one) => `    ${printable(one.sql)}\n      ${style.dim(printable(one.reason))}`),
  ];
}

function migrationLines({ migration, applied }: AdviceReportData, style: Style): string[] {
  if (migration === null) return [];
  if (migration.path === null) return ['', style.dim('  --emit-migration writes this as a migration with rollback')];
  if (applied !== null && applied.failed === null && applied.conflicts.length === 0) {
    return ['', `  applied ${style.bold(printable(migration.path))}     rollback: tradedb migrate down`];
  }
  return ['', `  wrote ${style.bold(printable(migration.path))}     rollback: tradedb migrate down`];
}

function latency(ms: number | null): string {
  return ms === null ? '-' : formatLatency(ms * 1000);
}

function change(before: number, after: number): string {
  return before === 0 ? '' : signed((after - before) / before);
}

function signed(fraction: number): string {
  const percent = Math.round(fraction * 1000) / 10;
  return `${percent > 0 ? '+' : ''}${percent === 0 ? 0 : percent} %`;
}
