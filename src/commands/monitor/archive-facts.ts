import { databaseIdOf } from '../../core/backup/repository/object-name.ts';
import { readArchiveStatus } from '../../core/backup/wal-archive/status-file.ts';
import { processCommand } from '../../core/file-access/process-name.ts';
import type { ArchiveFacts } from '../../core/monitor/metrics/archive-series.ts';
import { databaseLabel } from '../backup/repository-option.ts';
import type { CommandContext } from '../definition.ts';

/** An archiver on another machine writes once a second; a slow repository gets some more. */
const staleMs = 30_000;
const readEveryMs = 1000;

/** Reads what the archiver of a database left in the state directory; undefined when none ever ran. */
export function archiveFacts(context: CommandContext, path: string): () => ArchiveFacts | undefined {
  const databaseId = databaseIdOf(databaseLabel(context, path));
  let readAt = Number.NEGATIVE_INFINITY;
  let facts: ArchiveFacts | undefined;
  return () => {
    const now = context.clock.now();
    if (now - readAt >= readEveryMs) {
      readAt = now;
      facts = read(context, databaseId);
    }
    return facts;
  };
}

function read(context: CommandContext, databaseId: string): ArchiveFacts | undefined {
  const status = readArchiveStatus(context.stateDirectory(), databaseId);
  if (status === undefined) return undefined;
  const { running, pid, hostname, updatedAt, durableAt, commits, segments, gaps, spoolBytes, problem } = status;
  // Here the process itself is asked: a base backup may take long, and one that was killed leaves a fresh status.
  const isAlive =
    hostname === context.host.hostname
      ? / archive( |$)/.test(processCommand(pid))
      : context.clock.wallTime() - Date.parse(updatedAt) < staleMs;
  return {
    running: running && isAlive,
    ended: !running,
    pid,
    durableAtMs: durableAt === null ? null : Date.parse(durableAt),
    commits,
    segments,
    gaps,
    spoolBytes,
    problem,
  };
}
