import { TradedbError } from '../error.ts';
import type { AlertSeverity } from './rule.ts';

/** What a matcher looks at. */
export interface Matchable {
  readonly rule: string;
  readonly severity: AlertSeverity | null;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * `rule=health,check=wal.*`: every part must fit, `*` stands for any text, and `*` alone fits everything. `rule` and
 * `severity` are those of the alert, other names are labels. Throws `usage`.
 */
export function parseMatcher(text: string): (alert: Matchable) => boolean {
  if (text.trim() === '*') return () => true;
  const parts = text.split(',').map((part) => {
    const match = /^\s*([A-Za-z_][\w.-]*)\s*=\s*(.+?)\s*$/.exec(part);
    if (match === null) {
      throw new TradedbError('usage', `${JSON.stringify(text)} is not a matcher`, {
        hint: 'such as rule=wal-size, or rule=health,check=wal.*',
      });
    }
    return { name: match[1] ?? '', fits: globOf(match[2] ?? '') };
  });
  return (alert) => parts.every(({ name, fits }) => fits.test(textOf(alert, name)));
}

function textOf(alert: Matchable, name: string): string {
  if (name === 'rule') return alert.rule;
  return name === 'severity' ? (alert.severity ?? '') : (alert.labels[name] ?? '');
}

function globOf(glob: string): RegExp {
  const escaped = glob.split(/\*+/).map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 's');
}
