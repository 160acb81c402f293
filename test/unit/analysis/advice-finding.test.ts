import { expect, test } from 'vitest';
import { adviceFindings } from '../../../src/commands/analyze/advice-finding.ts';
import type { AdviceData } from '../../../src/core/analysis/index-advice/advice-data.ts';

const nothing = { recommendations: [], foreignKeys: [], strict: [], estimated: [], left: [] };

test('what an engine without STAT4 would run more slowly is a warning with both times', () => {
  const slower = [{ name: 'latest', beforeMs: 0.0089, afterMs: 12.34 }];
  const data = { ...nothing, withoutStat4: { held: false, slower } } as unknown as AdviceData;
  expect(adviceFindings(data)).toMatchObject([
    {
      id: 'index.without-stat4',
      severity: 'warning',
      subject: 'latest',
      message: 'an engine without STAT4 would run it in 12.3 ms with this advice, in 0.009 ms now',
    },
  ]);
});
