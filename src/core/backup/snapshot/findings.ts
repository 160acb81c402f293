import type { Finding } from '../../report.ts';
import type { Snapshot } from './snapshot.ts';

/** Applications usually give up on a locked database after 5 s; one that waits longer than this notices. */
const noticeableStallMs = 1000;

/** What the operator should know about how a snapshot was taken. */
export function snapshotFindings(
  database: string,
  snapshot: Pick<Snapshot, 'fallbackReason' | 'journalMode' | 'pinnedMs'>,
): Finding[] {
  const findings: Finding[] = [];
  if (snapshot.fallbackReason !== null) {
    findings.push({
      id: 'snapshot.fallback',
      severity: 'warning',
      subject: database,
      message: `copied through SQLite, which needs the space of a whole copy: ${snapshot.fallbackReason}`,
    });
  }
  if (snapshot.journalMode === 'rollback') {
    findings.push({
      id: 'snapshot.writers_waited',
      severity: snapshot.pinnedMs >= noticeableStallMs ? 'warning' : 'info',
      subject: database,
      message: `in rollback-journal mode writers wait during a backup: ${Math.round(snapshot.pinnedMs)} ms this time`,
      hint: 'PRAGMA journal_mode = WAL lets them go on',
      values: { pinnedMs: Math.round(snapshot.pinnedMs) },
    });
  }
  return findings;
}
