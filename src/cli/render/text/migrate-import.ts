import { basename } from 'node:path';
import type { MigrateImportData } from '../../../commands/migrate/import.ts';
import type { HeldList } from '../../../commands/migrate/import-held.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import { formatDuration } from '../../../core/config/duration.ts';
import type { Report } from '../../../core/report.ts';
import type { ImportedSource, ImportResult } from '../../../core/trading/import/result.ts';
import { renderFindings } from '../findings.ts';
import { formatCount, formatShare, plural, printable } from '../format.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';

export function render(report: Report<MigrateImportData>, style: Style): string {
  const { data } = report;
  if (data.mode === 'quarantine' && data.held !== null) return heldRows(data, data.held, style);
  const lines = data.source === null ? [] : [headline(data.source, style)];
  if (data.tables !== null) lines.push('', tablesOf(data.tables, style));
  if (data.result !== null) lines.push('', ...resultLines(data.result, report, style));
  if (report.findings.length > 0) lines.push('', renderFindings(report.findings, style));
  return lines.join('\n');
}

function headline(source: ImportedSource, style: Style): string {
  const { path, system, generation, label, sizeBytes, journalMode } = source;
  const whose = system === generation ? system : `${printable(system)} ${generation}`;
  return [
    `${style.bold(printable(basename(path)))}   ${whose} (${printable(label)})`,
    `  ${formatByteSize(sizeBytes)}${journalMode === null ? '' : `   ${journalMode}   ${access(source)}`}`,
  ].join('\n');
}

function access({ connectedProcesses, readFrom }: ImportedSource): string {
  const used =
    connectedProcesses === 0 ? 'nobody has it open' : `${plural(connectedProcesses, 'process', 'processes')} connected`;
  return `${used}, ${readFrom === 'place' ? 'read in place' : 'read from a copy'}`;
}

function tablesOf(tables: NonNullable<MigrateImportData['tables']>, style: Style): string {
  const columns = [
    { title: 'TABLE', flexible: true },
    { title: 'ROWS', align: 'right' as const },
  ];
  return table(
    columns,
    tables.map(({ name, rows }) => [printable(name), formatCount(rows)]),
    style,
  );
}

function resultLines(result: ImportResult, report: Report<MigrateImportData>, style: Style): string[] {
  const { data } = report;
  const lines = [streamTable(result, style)];
  const { exact, noise } = result.numbers;
  if (exact + noise > 0) {
    lines.push(
      '',
      `  numbers     ${formatShare(exact / (exact + noise))} exact, ${formatShare(noise / (exact + noise))} float noise, 0 cut`,
    );
  }
  if (data.backup !== null) lines.push(`  backup      ${data.backup.id} in ${printable(data.backup.repository)}`);
  if (data.dryRun) lines.push(...planLines(result, style));
  if (data.held !== null && data.held.rows.length > 0) lines.push('', heldTable(data.held, style), '');
  const held = result.quarantine.map(({ reason, count }) => `${reason} ${formatCount(count)}`);
  if (held.length > 0) lines.push(`  held        ${held.join(', ')}`);
  if (result.reconciliation.length > 0) lines.push(`  reconciled  ${reconciledLine(result)}`);
  for (const { note, count } of result.notes) lines.push(style.dim(`  note        ${formatCount(count)} ${note}`));
  lines.push('', `  ${ending(result, data)}   ${style.dim(formatDuration(report.durationMs))}`);
  return lines;
}

function streamTable({ streams }: ImportResult, style: Style): string {
  const right = 'right' as const;
  const columns = [
    { title: 'STREAM', flexible: true },
    ...['READ', 'NEW', 'SAME', 'UPDATED', 'HELD', 'NOTHING', 'ROWS/S'].map((title) => ({ title, align: right })),
  ];
  const rows = streams.map((stream) => [
    stream.name,
    formatCount(stream.rowsRead),
    formatCount(stream.rowsNew),
    formatCount(stream.rowsUnchanged),
    formatCount(stream.rowsUpdated),
    formatCount(stream.rowsQuarantined),
    formatCount(stream.duplicatesSkipped),
    stream.rowsPerSecond === 0 ? '' : formatCount(stream.rowsPerSecond),
  ]);
  const hasNothing = streams.some(({ duplicatesSkipped }) => duplicatesSkipped > 0);
  const shown = <T>(list: readonly T[]): T[] => list.filter((_, at) => hasNothing || at !== 6);
  return table(shown(columns), rows.map(shown), style);
}

/** What the dry run tells beyond the counts: scales, and the columns without a place. */
function planLines({ plan }: ImportResult, style: Style): string[] {
  const right = 'right' as const;
  const instruments = table(
    [
      { title: 'INSTRUMENT', flexible: true },
      { title: 'KIND' },
      { title: 'PRICE', align: right },
      { title: 'QUANTITY', align: right },
      { title: 'SEEN', flexible: true },
    ],
    plan.instruments.map((one) => [
      printable(`${one.venue} ${one.symbol}`),
      one.kind,
      `${one.priceScale}`,
      `${one.quantityScale}`,
      printable(one.evidence),
    ]),
    style,
  );
  const assets = plan.assets.map(({ code, scale }) => `${printable(code)} ${scale}`).join(', ');
  const fates = new Map<string, number>();
  for (const { fate } of plan.columns) fates.set(fate, (fates.get(fate) ?? 0) + 1);
  const columns = [...fates].map(([fate, count]) => `${formatCount(count)} ${fate}`).join(', ');
  return ['', instruments, '', `  decimals    ${assets}`, `  columns     ${columns}`];
}

const groups: readonly (readonly [name: string, checks: readonly string[]])[] = [
  ['counts', ['orders', 'fills', 'funding payments', 'locks', 'state', 'candles', 'ticks', 'quotes']],
  ['quantities', ['bought', 'sold', 'open quantity']],
  ['notional', ['notional']],
  ['fees', ['fees']],
  ['funding', ['funding']],
  ['profit', ['realized profit']],
];

function reconciledLine({ reconciliation, comparedAtOnce }: ImportResult): string {
  const parts = groups.flatMap(([name, checks]) => {
    const rows = reconciliation.filter(({ check }) => checks.includes(check));
    const differ = rows.filter(({ passed }) => !passed).length;
    if (rows.length === 0) return [];
    return differ === 0 ? [`${name} ok`] : [`${name} ${differ} of ${rows.length} differ`];
  });
  return `${parts.join(', ')}${comparedAtOnce ? '' : ' (not one state)'}`;
}

function ending(result: ImportResult, { dryRun, target }: MigrateImportData): string {
  if (result.stopped !== null) return `stopped: ${result.stopped}`;
  const held = result.quarantine.reduce((sum, { count }) => sum + count, 0);
  const rows = held === 0 ? 'no row is held' : `${plural(held, 'row')} held`;
  if (dryRun) return `dry run: nothing was written; ${rows}`;
  const resumed = result.resumedFrom === null ? '' : `, taken up from run ${result.resumedFrom}`;
  return `done in ${printable(basename(target ?? ''))}: ${rows}${resumed}`;
}

function heldRows({ target }: MigrateImportData, held: HeldList, style: Style): string {
  const title = `${style.bold(printable(basename(target ?? '')))}   ${plural(held.total, 'row')} held`;
  return held.rows.length === 0 ? title : [title, '', heldTable(held, style)].join('\n');
}

function heldTable(held: HeldList, style: Style): string {
  const columns = [
    { title: 'SOURCE', flexible: true },
    { title: 'STREAM' },
    { title: 'KEY', flexible: true },
    { title: 'REASON' },
    { title: 'DETAIL', flexible: true },
  ];
  const rows = held.rows.map((row) => [
    printable(row.source),
    row.stream,
    printable(row.externalId),
    row.reason,
    printable(row.detail ?? ''),
  ]);
  const more = held.total > held.rows.length ? [style.dim(`  only the first ${formatCount(held.rows.length)}`)] : [];
  return [table(columns, rows, style), ...more].join('\n');
}
