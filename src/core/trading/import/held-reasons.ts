import type { Connection } from '../../sqlite/connection.ts';
import type { HeldReason, HeldSample } from './result.ts';

const samplesEach = 5;

/** What is held of a source, by reason, the most frequent first. */
export function heldReasons(connection: Connection, sourceId: number): HeldReason[] {
  const counts = connection.all<{ reason: string; count: number }>(
    `SELECT reason, count(*) AS count FROM import_quarantine WHERE source_id = ? AND resolved_us IS NULL
     GROUP BY reason ORDER BY count DESC, reason`,
    [sourceId],
  );
  return counts.map(({ reason, count }) => ({
    reason,
    count,
    samples: connection.all<HeldSample>(
      `SELECT stream, external_id AS externalId, detail FROM import_quarantine
       WHERE source_id = ? AND reason = ? AND resolved_us IS NULL ORDER BY quarantine_id LIMIT ${samplesEach}`,
      [sourceId, reason],
    ),
  }));
}
