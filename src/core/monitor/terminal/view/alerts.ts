import { ageText } from '../figures.ts';
import { type Line, piece, plainLine, type Tone } from '../line.ts';
import type { AlertLine, DashboardState } from '../state.ts';
import { fitText, safeText, wrapText } from '../text-width.ts';
import { findingLines } from './findings.ts';

/** Phases of a rule that is not good, the loudest first. */
const phases = ['firing', 'flapping', 'recovering', 'pending', 'nodata'];

/** What the alert rules say, as the last evaluation left them, then what is wrong in this sample. */
export function alertsView(state: DashboardState, columns: number, rows: number): Line[] {
  if (state.sample === undefined) return [plainLine('waiting for the first sample', 'dim')];
  const findings =
    state.findings.length === 0
      ? [plainLine('no findings: every limit is kept', 'good')]
      : findingLines(state.findings, columns, true);
  return [...alertLines(state, columns), plainLine(''), ...findings].slice(0, rows);
}

/** Alerts that are not good, the worst first. */
export function standingAlerts({ alerts = [] }: Pick<DashboardState, 'alerts'>): AlertLine[] {
  const rank = ({ phase, severity }: AlertLine): number =>
    phases.indexOf(phase) * 2 + (severity === 'critical' ? 0 : 1);
  return alerts.filter(({ phase }) => phases.includes(phase)).sort((a, b) => rank(a) - rank(b));
}

function alertLines(state: DashboardState, columns: number): Line[] {
  const { alerts } = state;
  if (alerts === undefined) {
    const text = 'Nobody has evaluated the alert rules yet: tradedb monitor serve and health --notify do.';
    return wrapText(text, columns).map((line) => plainLine(line, 'dim'));
  }
  const standing = standingAlerts(state);
  if (standing.length === 0) {
    const rules = new Set(alerts.map(({ rule }) => rule)).size;
    return [plainLine(`no alert: ${rules} ${rules === 1 ? 'rule is' : 'rules are'} good`, 'good')];
  }
  const head = plainLine(
    `${fitText('ALERT', 22)}  ${fitText('STATE', 10)}  ${fitText('SEVERITY', 8)}  ${fitText('SINCE', 6, 'right')}  ${fitText('VALUE', 11, 'right')}  LABELS`,
    'dim',
  );
  const now = Date.parse(state.sample?.at ?? '');
  return [head, ...standing.map((alert) => alertLine(alert, now))];
}

export function alertTone({ severity, silenced }: Pick<AlertLine, 'severity' | 'silenced'>): Tone {
  if (silenced) return 'dim';
  return severity === 'critical' ? 'bad' : 'warn';
}

function alertLine(alert: AlertLine, now: number): Line {
  const { rule, phase, severity, value, since, labels, silenced } = alert;
  const text = Object.entries(labels)
    .filter(([name]) => name !== 'database')
    .map(([name, label]) => `${name}=${label}`);
  return [
    piece(`${fitText(safeText(rule), 22)}  `, 'bold'),
    piece(fitText(phase, 10), alertTone(alert)),
    piece(`  ${fitText(severity ?? '-', 8)}`),
    piece(`  ${fitText(ageText(Math.max(0, now - Date.parse(since))), 6, 'right')}`),
    piece(`  ${fitText(value === null ? '-' : valueText(value), 11, 'right')}  `),
    piece(safeText([...(silenced ? ['silenced'] : []), ...text].join(' '))),
  ];
}

/** The unit is that of the series, which only the rule knows: the bare number, short. */
function valueText(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toPrecision(4);
}
