import type { LeaseOwner } from '../../lease.ts';
import type { PacingSettings } from './pacing.ts';

/** How steps that take many transactions behave beside other writers. */
export interface LongSettings {
  /** This process, for others that find the step unfinished. */
  readonly owner: LeaseOwner;
  /** An owner on another machine that has not been heard of for so long is taken for dead. */
  readonly takeoverMs: number;
  readonly data: Omit<PacingSettings, 'batchRows'> & { readonly batch: number };
  readonly online: PacingSettings & {
    /** A checkpoint after so many batches keeps the log from growing with the copy. */
    readonly checkpointEvery: number;
  };
}

/** Nobody: two processes that say so take the step from each other, and one of them stops. */
const unknownOwner: LeaseOwner = { pid: 0, hostname: '' };

export const defaultLongSettings: LongSettings = {
  owner: unknownOwner,
  takeoverMs: 60_000,
  data: { batch: 5000, targetHoldMs: 25, pauseRatio: 1 },
  online: { targetHoldMs: 4, pauseRatio: 1.5, batchRows: [50, 50_000], checkpointEvery: 4 },
};
