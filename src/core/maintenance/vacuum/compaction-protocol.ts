import type { SwapStep } from './exclusive-swap.ts';
import type { SwapRecord } from './swap-file.ts';

/** Messages between the process that vacuums and the child that holds the long statements. */

interface JobBase {
  readonly database: string;
  readonly convertTo?: 'incremental' | 'full';
  readonly busyTimeoutMs: number;
}

export type CompactionJob =
  | (JobBase & {
      readonly kind: 'swap';
      readonly record: Omit<SwapRecord, 'pid' | 'processStart'>;
      readonly verify: 'quick' | 'full';
    })
  | (JobBase & { readonly kind: 'copy'; readonly target: string; readonly verify: 'quick' | 'full' })
  | (JobBase & { readonly kind: 'full' });

export type FromChild =
  | { readonly type: 'step'; readonly step: SwapStep }
  | { readonly type: 'done' }
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
      readonly stack?: string;
    };

export type ToChild = { readonly type: 'job'; readonly job: CompactionJob } | { readonly type: 'go' };
