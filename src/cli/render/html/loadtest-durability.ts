import type { MethodData } from '../../../core/loadtest/durability/contract.ts';
import type { ControlData, DurabilityData } from '../../../core/loadtest/durability/run-durability.ts';
import type { Report } from '../../../core/report.ts';
import { formatCount, plural } from '../format.ts';
import { environmentTable } from './loadtest-environment.ts';
import { html, htmlFindings, htmlPage, htmlTable, htmlTiles } from './page.ts';

const verdicts: Readonly<Record<DurabilityData['verdict'], string>> = {
  ok: 'holds',
  broken: 'BROKEN',
  'instrument-broken': 'not proved',
  incomplete: 'in part',
};

/** Every method that was used, and the control that shows that the instrument works. */
export function render(report: Report<DurabilityData>): string {
  const { data } = report;
  const sum = (of: (method: MethodData) => number): string =>
    formatCount(data.methods.reduce((total, method) => total + of(method), 0));
  const body = [
    `<p class="soft">${html(`seed ${data.seed}, ${plural(data.writers, 'writer')}, ${data.groupSize} per commit, ${report.startedAt}`)}</p>`,
    htmlTiles([
      [verdicts[data.verdict], 'the contract'],
      [sum((method) => method.cycles), 'kills'],
      [sum((method) => method.cuts), 'losses of power'],
      [sum((method) => method.acknowledged), 'acknowledged'],
      [sum((method) => method.lost), 'of them lost'],
      [controlWord(data.control), 'control with OFF'],
    ]),
    '<h2>Crashes</h2>',
    crashTable(data),
    '<p class="soft">lost: acknowledged and not there. partial: files with transactions in part or out of order. damaged: files that do not open or fail the check. not told: there, but not acknowledged; one commit per writer may be.</p>',
    kept(data.methods),
    htmlFindings(report.findings),
    '<h2>Environment</h2>',
    environmentTable(data.environment),
  ];
  return htmlPage('tradedb loadtest durability', report.status, body.join('\n'));
}

function controlWord(control: ControlData | null): string {
  return control === null ? 'not made' : control.convicted ? 'convicted' : 'NOT CONVICTED';
}

function crashTable({ methods, control }: DurabilityData): string {
  const rows = methods.map((method) => [
    method.method,
    method.synchronous.toUpperCase(),
    method.cycles > 0 ? plural(method.cycles, 'kill') : plural(method.cuts, 'cut'),
    ...[
      method.acknowledged,
      method.lost,
      method.partial + method.nonPrefix,
      method.corrupt + method.unopenable,
      method.committedUnacknowledged,
    ].map(formatCount),
    method.verdict === 'ok' ? 'ok' : 'BROKEN',
  ]);
  if (control !== null) {
    const damaged = control.corrupt + control.unopenable;
    const counts = [control.lost, control.partial, damaged].map(formatCount);
    const verdict = control.convicted ? 'instrument works' : 'NOT CONVICTED';
    rows.push(['control', 'OFF', plural(control.cuts, 'cut'), '', ...counts, '', verdict]);
  }
  const right = ['crashes', 'acknowledged', 'lost', 'partial', 'damaged', 'not told'].map((title) => ({
    title,
    numeric: true,
  }));
  return htmlTable([{ title: 'method' }, { title: 'synchronous' }, ...right, { title: 'verdict' }], rows);
}

function kept(methods: readonly MethodData[]): string {
  const paths = methods.flatMap((method) => method.kept);
  return paths.map((path) => `<p>kept: ${html(path)}</p>`).join('\n');
}
