import type { Session } from '../session.ts';
import type { LongStep } from './claim.ts';
import type { OpenStep } from './open-step.ts';
import { type StepProgress, textOf } from './progress.ts';
import type { LongSettings } from './settings.ts';

/** A step that takes many transactions, claimed by this process. */
export interface LongRun {
  readonly session: Session;
  readonly settings: LongSettings;
  readonly step: LongStep;
  readonly open: OpenStep;
  /** Hooks of the file: before its first transaction, and in its last one. */
  readonly before?: () => Promise<void>;
  readonly after?: () => Promise<void>;
}

/** Progress with one more statement done. */
export function advanced({ open, step }: LongRun, rowsChanged: number): StepProgress {
  const next = open.progress.next + 1;
  return {
    direction: open.progress.direction,
    owner: open.progress.owner,
    next,
    text: textOf(step.section, next),
    rowsChanged: open.progress.rowsChanged + rowsChanged,
    work: null,
  };
}
