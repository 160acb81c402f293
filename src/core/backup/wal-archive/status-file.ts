import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What an archiver says about itself, for whoever watches it: a small file in the state directory. */
export interface ArchiveStatus {
  readonly pid: number;
  readonly hostname: string;
  /** Where it archives to. */
  readonly repository: string;
  /** ISO 8601. */
  readonly updatedAt: string;
  readonly running: boolean;
  readonly epoch: string;
  readonly tx: number;
  /** When everything that was committed was durable in the repository for the last time (ISO 8601). */
  readonly durableAt: string | null;
  readonly commits: number;
  readonly segments: number;
  readonly gaps: number;
  readonly walBytes: number;
  /** What is recorded and waits for the server of the repository. */
  readonly spoolBytes: number;
  /** Why nothing can be written at the moment; null when it can. */
  readonly problem: string | null;
}

export function archiveStatusPath(stateDirectory: string, databaseId: string): string {
  return join(stateDirectory, 'archive', `${databaseId}.json`);
}

/** A memory for others: where it cannot be written, archiving goes on all the same. */
export function writeArchiveStatus(path: string, status: ArchiveStatus): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.partial`, `${JSON.stringify(status)}\n`);
    renameSync(`${path}.partial`, path);
  } catch {
    // A full or read-only state directory must not end the archive.
  }
}

/** Undefined when no archiver has left one. */
export function readArchiveStatus(stateDirectory: string, databaseId: string): ArchiveStatus | undefined {
  try {
    const status = JSON.parse(readFileSync(archiveStatusPath(stateDirectory, databaseId), 'utf8')) as ArchiveStatus;
    // One of an older release has no spool.
    return { ...status, spoolBytes: status.spoolBytes ?? 0 };
  } catch {
    return undefined;
  }
}
