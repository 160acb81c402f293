import type { Clock } from '../../context.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { isBusy } from '../../sqlite/translate-error.ts';
import { checkpointOnce, walCounts } from '../checkpoint/wal-backlog.ts';

/**
 * A read snapshot that keeps every other process from copying the WAL into the database while we fill it. The writer's
 * own checkpoint (and the fsync when the WAL restarts) is what makes a vacuum felt, not our small steps.
 *
 * The snapshot is taken right after a checkpoint has copied everything: it then holds READ0, under which a checkpoint
 * copies nothing, while a writer may still restart the WAL.
 */
export interface ShieldPorts {
  /** Works; runs the checkpoints. */
  readonly worker: Connection;
  /** Read-only; holds the snapshot. */
  readonly reader: Connection;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export type RaiseResult =
  | { readonly up: true; readonly startFrame: number }
  | { readonly up: false; readonly stuckAtFrame: number; readonly logFrames: number };

/** Frames that a busy writer may add between our checkpoint and our snapshot without harm. */
const smallBacklog = 200;

export class CheckpointShield {
  readonly #ports: ShieldPorts;
  raised = 0;

  constructor(ports: ShieldPorts) {
    this.#ports = ports;
  }

  get up(): boolean {
    return this.#ports.reader.inTransaction;
  }

  /**
   * Checkpoints and takes the snapshot. Gives up with the frame it stands at when the checkpoint has made no progress
   * for `readerWaitMs`: some reader pins the WAL, which would grow without end under the shield.
   */
  async raise(readerWaitMs: number): Promise<RaiseResult> {
    const { worker, clock, signal } = this.#ports;
    let since = clock.now();
    let best = -1;
    for (;;) {
      const done = checkpointOnce(worker, 'passive');
      const backlog = done.logFrames - done.checkpointedFrames;
      if (!done.busy && backlog <= smallBacklog && this.#begin()) {
        const now = walCounts(worker);
        if (now.logFrames - now.checkpointedFrames <= smallBacklog) {
          this.raised += 1;
          return { up: true, startFrame: now.logFrames };
        }
        this.lower();
      }
      if (!done.busy && done.checkpointedFrames !== best) {
        // Frames moved, or the WAL restarted: a writer is at work, not a reader in the way.
        best = done.checkpointedFrames;
        since = clock.now();
      }
      if (clock.now() - since >= readerWaitMs) {
        return { up: false, stuckAtFrame: done.checkpointedFrames, logFrames: done.logFrames };
      }
      await clock.sleep(20, signal);
    }
  }

  /** Ends the snapshot; safe to call at any time. */
  lower(): void {
    const { reader } = this.#ports;
    if (reader.isOpen && reader.inTransaction) reader.run('COMMIT');
  }

  #begin(): boolean {
    const { reader } = this.#ports;
    reader.run('BEGIN');
    try {
      // BEGIN alone takes nothing: the first read takes the snapshot.
      reader.value('SELECT count(*) FROM sqlite_schema');
      return true;
    } catch (error) {
      this.lower();
      if (isBusy(error)) return false;
      throw error;
    }
  }
}
