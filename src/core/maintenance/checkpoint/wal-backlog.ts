import type { Connection } from '../../sqlite/connection.ts';
import { isBusy } from '../../sqlite/translate-error.ts';

export type CheckpointMode = 'passive' | 'full' | 'restart' | 'truncate';

/** Frames in the WAL and how many of them are in the database file already. */
export interface WalCounts {
  /** A lock kept the checkpoint from doing all that its mode promises. */
  readonly busy: boolean;
  readonly logFrames: number;
  readonly checkpointedFrames: number;
}

/** Asks without doing anything (11 us); the connection must not be inside a transaction. Not WAL: zeros. */
export function walCounts(connection: Connection): WalCounts {
  return counts(connection, 'NOOP');
}

/** One try; a lock shows as `busy`, never as an error. Not WAL: zeros. */
export function checkpointOnce(connection: Connection, mode: CheckpointMode): WalCounts {
  return counts(connection, mode.toUpperCase());
}

function counts(connection: Connection, mode: string): WalCounts {
  try {
    const row = connection.pragma(`wal_checkpoint(${mode})`)[0];
    const number = (name: string): number => Math.max(0, Number(row?.[name] ?? 0));
    return { busy: number('busy') === 1, logFrames: number('log'), checkpointedFrames: number('checkpointed') };
  } catch (error) {
    if (!isBusy(error)) throw error;
    return { busy: true, logFrames: 0, checkpointedFrames: 0 };
  }
}

/** Bytes of one frame in the WAL: a header of 24 bytes and the page. */
export function frameBytes(pageSizeBytes: number): number {
  return pageSizeBytes + 24;
}
