import { formatByteSize } from '../config/byte-size.ts';
import { formatDuration } from '../config/duration.ts';
import type { Finding, Severity } from '../report.ts';
import { isOwn } from './lock/own-lease.ts';
import type { Sample } from './sample.ts';

interface Pair {
  readonly warning: number;
  readonly critical: number;
}

/** Part of `alerts.thresholds` that one sample can be held against. */
export interface Limits {
  readonly databaseSize: Pair;
  readonly walSize: Pair;
  readonly freeSpace: Pair;
  readonly backupAge: Pair;
}

export interface LimitFacts {
  /** Milliseconds since the newest backup; undefined when backups are not looked at, null when there is none. */
  readonly backupAgeMs?: number | null;
}

/** Pure: what is wrong in this sample, worst first. */
export function findingsOf(sample: Sample, limits: Limits, facts: LimitFacts = {}): Finding[] {
  return [
    ...pinnedFindings(sample),
    ...above('wal.backlog', sample.backlogBytes, limits.walSize, {
      message: (value, limit) =>
        `${formatByteSize(value)} of the WAL are not checkpointed (limit ${formatByteSize(limit)})`,
      hint: 'tradedb vacuum checkpoint names the reader in the way',
    }),
    ...above('database.size', sample.databaseBytes, limits.databaseSize, {
      message: (value, limit) => `the database has ${formatByteSize(value)} (limit ${formatByteSize(limit)})`,
      hint: 'tradedb analyze space shows where the bytes are',
    }),
    ...below('disk.free', sample.diskFreeBytes, limits.freeSpace),
    ...backupFindings(limits.backupAge, facts.backupAgeMs),
    ...stateFindings(sample),
  ].sort((a, b) => rank(b.severity) - rank(a.severity));
}

function rank(severity: Severity): number {
  return severity === 'critical' ? 2 : severity === 'warning' ? 1 : 0;
}

function pinnedFindings(sample: Sample): Finding[] {
  return sample.pinned.map((reader) => {
    const names = reader.holders.map(({ pid, command }) => `pid ${pid} (${command})`).join(', ');
    if (isOwn(reader.holders)) {
      const works = reader.holders.map(({ pid, ownLease }) => `${ownLease} (pid ${pid})`).join(', ');
      return {
        id: 'reader.own',
        severity: 'info',
        subject: `READ${reader.slot}`,
        message: `the checkpoint waits at frame ${reader.mark} for ${works}, which ends by itself`,
      };
    }
    return {
      id: 'reader.pinned',
      severity: 'warning',
      subject: `READ${reader.slot}`,
      message: `the checkpoint stops at frame ${reader.mark}, ${reader.lagFrames} behind, for at least ${formatDuration(reader.heldAtLeastMs)}: ${names}`,
      hint: 'end that read transaction; the WAL grows until then',
      values: { pid: reader.holders[0]?.pid ?? 0, lagFrames: reader.lagFrames },
    };
  });
}

function above(
  id: string,
  value: number,
  limit: Pair,
  text: { message: (value: number, limit: number) => string; hint: string },
): Finding[] {
  const severity = value >= limit.critical ? 'critical' : value >= limit.warning ? 'warning' : undefined;
  if (severity === undefined) return [];
  return [{ id, severity, message: text.message(value, limit[severity]), hint: text.hint, values: { bytes: value } }];
}

function below(id: string, value: number, limit: Pair): Finding[] {
  const severity = value <= limit.critical ? 'critical' : value <= limit.warning ? 'warning' : undefined;
  if (severity === undefined) return [];
  const message = `${formatByteSize(value)} of disk space are free (limit ${formatByteSize(limit[severity])})`;
  return [{ id, severity, message, hint: 'free some space before the database cannot grow', values: { bytes: value } }];
}

function backupFindings(limit: Pair, ageMs: number | null | undefined): Finding[] {
  if (ageMs === undefined) return [];
  if (ageMs === null) {
    return [{ id: 'backup.age', severity: 'warning', message: 'there is no backup', hint: 'tradedb backup' }];
  }
  const severity = ageMs >= limit.critical ? 'critical' : ageMs >= limit.warning ? 'warning' : undefined;
  if (severity === undefined) return [];
  const message = `the newest backup is ${formatDuration(ageMs)} old (limit ${formatDuration(limit[severity])})`;
  return [{ id: 'backup.age', severity, message, hint: 'tradedb backup', values: { ageMs } }];
}

function stateFindings(sample: Sample): Finding[] {
  if (sample.mode === 'absent') {
    return [{ id: 'database.absent', severity: 'critical', message: 'there is no file at this path any more' }];
  }
  if (sample.holders === 'outside-namespace') {
    const message = 'the database is in use, but its processes cannot be seen from here (another container)';
    return [{ id: 'holders.hidden', severity: 'info', message }];
  }
  return [];
}
