import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointStalls } from '../../../src/core/loadtest/child/checkpoint-stalls.ts';
import { createDatabase } from '../../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { systemRandom } from '../../../src/system/system-random.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('checkpoint stalls', () => {
  it('are exactly the commits that ran a checkpoint', () => {
    const ports = { clock: systemClock, random: systemRandom, busyTimeoutMs: 0 };
    const profile = { ...normalProfile, walAutocheckpointPages: 50 };
    const connection = createDatabase(join(temporaryFolder(), 'stalls.db'), profile, ports);
    try {
      connection.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)');
      const stalls = new CheckpointStalls(connection);
      const restarts: number[] = [];
      for (let k = 1; k <= 400; k++) {
        connection.tx(() => connection.run('INSERT INTO t (note) VALUES (?)', ['x'.repeat(3000)]));
        const before = stalls.times.count;
        stalls.note(k);
        if (stalls.times.count > before) restarts.push(k);
        // A read behind it, however slow, is no stall.
        connection.all('SELECT count(*) FROM t');
        stalls.note(1e6);
      }
      // About two pages a commit: every 25th or so.
      expect(restarts.length).toBeGreaterThan(8);
      expect(restarts.length).toBeLessThan(24);
      expect(stalls.times.count).toBe(restarts.length);
      expect(stalls.times.maxNs).toBe((restarts.at(-1) ?? 0) * 1e6);
    } finally {
      connection.close();
    }
  });
});
