import { describe, expect, it } from 'vitest';
import { ruleSet } from '../../../src/core/alert/rule-set.ts';
import { loadDefaults } from '../../support/config-defaults.ts';

const rule = { id: 'own', expr: 'wal_backlog_bytes', warn: 10, crit: 100, clear: {} } as const;

function withRule(parts: Record<string, unknown>) {
  return ruleSet(loadDefaults({ alerts: { rules: [{ ...rule, ...parts }] } }).alerts).find(({ id }) => id === 'own');
}

describe('own rules', () => {
  it('takes limits that end an alert, on their good side', () => {
    expect(withRule({ clear: { warn: 8, crit: 50 } })).toMatchObject({ clear: { warning: 8, critical: 50 } });
    expect(withRule({ direction: 'below', warn: 100, crit: 10, clear: { crit: 60 } })).toMatchObject({
      clear: { critical: 60 },
    });
  });

  it('refuses limits that contradict each other', () => {
    expect(() => withRule({ crit: 5 })).toThrow(/worse than "warn"/);
    expect(() => withRule({ clear: { warn: 11 } })).toThrow(/must not be worse/);
    expect(() => withRule({ clear: { crit: 9 } })).toThrow(/must not be milder than "warn"/);
    const below = { direction: 'below', warn: 100, crit: 10 };
    expect(() => withRule({ ...below, clear: { crit: 101 } })).toThrow(/must not be milder than "warn"/);
  });
});
