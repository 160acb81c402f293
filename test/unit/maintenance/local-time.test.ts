import { describe, expect, it } from 'vitest';
import { dueCondition, firstDayKept } from '../../../src/core/maintenance/retention/due.ts';
import { localTime, safeLocalTime } from '../../../src/core/maintenance/retention/local-time.ts';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

const policy = {
  table: 't',
  column: 'at',
  unit: 'iso',
  keep: 0,
  minRows: 0,
  hold: [],
  children: [],
  triggers: 'refuse',
} as const;

/** Which of these texts are due at the cutoff. */
function due(timezone: string, cutoff: string, texts: readonly unknown[]): unknown[] {
  const connection = openMemory(testPorts);
  connection.exec('CREATE TABLE t (at)');
  for (const text of texts) connection.run('INSERT INTO t VALUES (?)', [text as string]);
  const { sql, values } = dueCondition({ ...policy, timezone }, Date.parse(cutoff));
  return connection.all<{ at: unknown }>(`SELECT at FROM t WHERE ${sql} ORDER BY rowid`, values).map(({ at }) => at);
}

describe('times of a zone', () => {
  it('are what its clocks show', () => {
    expect(localTime('Asia/Shanghai', Date.parse('2024-01-05T20:00:00Z'))).toBe('2024-01-06 04:00:00');
    expect(localTime('America/New_York', Date.parse('2024-07-01T03:59:59Z'))).toBe('2024-06-30 23:59:59');
    expect(localTime('Asia/Kathmandu', Date.parse('2024-07-01T00:00:00Z'))).toBe('2024-07-01 05:45:00');
    expect(() => localTime('Mars/Olympus', 0)).toThrow('"Mars/Olympus" is no time zone');
  });

  it('of an hour that is shown twice count as the later one: no row goes too early', () => {
    // Clocks go back from 02:00 to 01:00 at 06:00 UTC.
    expect(safeLocalTime('America/New_York', Date.parse('2024-11-03T05:30:00Z'))).toBe('2024-11-03 01:00:00');
    expect(safeLocalTime('America/New_York', Date.parse('2024-11-03T06:30:00Z'))).toBe('2024-11-03 01:30:00');
    expect(safeLocalTime('America/New_York', Date.parse('2024-03-10T08:00:00Z'))).toBe('2024-03-10 04:00:00');
  });
});

describe('rows due by naive texts', () => {
  it('go to the second, in whichever spelling, and an offset in a text counts before the zone', () => {
    const texts = [
      '2024-01-06 03:59:59.999999',
      '2024-01-06T03:59:59',
      '2024-01-06 03:59',
      '2024-01-06 04:00:00',
      '2024-01-05T19:59:59Z',
      '2024-01-05 20:00:01+00:00',
      '2024-01-06 03:30:00+08:00',
      '2024-01-06 05:59:59+10:00',
      'soon',
      1_700_000_000,
      null,
    ];
    expect(due('Asia/Shanghai', '2024-01-05T20:00:00Z', texts)).toEqual([
      '2024-01-06 03:59:59.999999',
      '2024-01-06T03:59:59',
      '2024-01-06 03:59',
      '2024-01-05T19:59:59Z',
      '2024-01-06 03:30:00+08:00',
      '2024-01-06 05:59:59+10:00',
    ]);
  });

  it('stay through a repeated hour, and go after it', () => {
    const text = ['2024-11-03 01:15:00'];
    // 01:15 was at 05:15 and at 06:15 UTC.
    expect(due('America/New_York', '2024-11-03T05:30:00Z', text)).toEqual([]);
    expect(due('America/New_York', '2024-11-03T06:14:00Z', text)).toEqual([]);
    expect(due('America/New_York', '2024-11-03T06:16:00Z', text)).toEqual(text);
  });

  it('without a zone stay half a day longer', () => {
    expect(firstDayKept({}, Date.parse('2024-01-06T11:00:00Z'))).toBe('2024-01-05');
    expect(firstDayKept({ timezone: 'UTC' }, Date.parse('2024-01-06T11:00:00Z'))).toBe('2024-01-06');
  });
});
