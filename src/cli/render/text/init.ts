import type { InitData, InitSample } from '../../../commands/init/init.ts';
import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, plural, printable } from '../format.ts';
import { paintStatus, type Style } from '../style.ts';

export function render(report: Report<InitData>, style: Style): string {
  const { data } = report;
  if (data.schedule !== null) return schedule(data.schedule);
  const { config, migrations, sample } = data;
  const size = data.sizeBytes === null ? '' : `  ${formatByteSize(data.sizeBytes)}`;
  const lines = [
    data.dryRun
      ? style.bold('dry run: nothing was written')
      : `${style.bold(printable(data.database))}${size}  ${paintStatus(report.status, style)}`,
  ];
  if (data.dryRun) lines.push(`  database    ${printable(data.database)}`);
  if (migrations !== null) {
    const done = data.dryRun ? '' : `, ${formatCount(migrations.applied)} applied`;
    lines.push(`  migrations  ${printable(migrations.directory)}: ${plural(migrations.files.length, 'file')}${done}`);
  }
  if (config !== null) lines.push(`  config      ${printable(config.path)}${config.isNew ? '' : ' (kept as it is)'}`);
  if (sample !== null) lines.push(...sampleLines(sample));
  if (!data.dryRun) lines.push(`  next        ${data.next.join(`\n${' '.repeat(14)}`)}`);
  return lines.join('\n');
}

function sampleLines(sample: InitSample): string[] {
  const { made } = sample;
  const what = `${plural(sample.orders, 'order')} on ${plural(sample.instruments, 'instrument')}, flow ${sample.mix}, seed ${sample.seed}`;
  if (made === null) return [`  sample      ${what}, ${plural(sample.days, 'trading day')}`];
  return [
    `  sample      ${what}`,
    `              ${made.firstDay} to ${made.lastDay}: ${plural(made.fills, 'fill')}, ${plural(made.rows, 'row')} at ${formatCount(made.rowsPerSecond)} rows/s`,
  ];
}

/** Nothing but the lines: they go into crontab or into files as they are. */
function schedule(printed: NonNullable<InitData['schedule']>): string {
  if (printed.kind === 'cron') return printed.lines.join('\n');
  return printed.units.map(({ name, content }) => `# ${name}\n${content}`).join('\n');
}
