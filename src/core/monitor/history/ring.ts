import type { Connection } from '../../sqlite/connection.ts';
import type { Bucket } from './level.ts';
import { levels, type RingLengths } from './level.ts';

interface Row extends Bucket {
  readonly series: number;
}

/** Brings the stored rings to the configured lengths: another length puts a bucket into another slot. */
export function fitRings(connection: Connection, rings: RingLengths): void {
  for (const [number, level] of levels.entries()) {
    const length = rings[level];
    const stored = connection.value('SELECT length FROM ring WHERE level = ?', [number]);
    if (stored === length) continue;
    const rows = connection.all<Row>(
      'SELECT series, bucket, min, max, sum, count FROM rollup WHERE level = ? ORDER BY bucket',
      [number],
    );
    connection.run('DELETE FROM rollup WHERE level = ?', [number]);
    for (const { series, bucket, min, max, sum, count } of rows) {
      connection.run('INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?)', [
        number,
        series,
        bucket % length,
        bucket,
        min,
        max,
        sum,
        count,
      ]);
    }
    connection.run('INSERT OR REPLACE INTO ring VALUES (?, ?)', [number, length]);
  }
}
