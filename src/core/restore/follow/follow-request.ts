import type { Repository } from '../../backup/repository/repository.ts';
import type { LeaseOwner } from '../../lease.ts';

/** Where the standby stops by itself. */
export type FollowLimit =
  | { readonly kind: 'tx'; readonly tx: number; readonly epoch: string }
  | { readonly kind: 'time'; readonly time: number };

export interface FollowRequest {
  readonly repository: Repository;
  readonly databaseId: string;
  /** Absolute path of the standby; made when it is not there. */
  readonly target: string;
  readonly limit: FollowLimit | null;
  readonly pollMs: number;
  readonly forMs: number | null;
  /** Applies what there is, makes an ordinary database of the standby, and ends. */
  readonly promote: boolean;
  readonly lagWarningMs: number;
  readonly workers: number;
  readonly owner: LeaseOwner;
  readonly stateDirectory: string;
  readonly onEvent: (event: FollowEvent) => void;
}

export type FollowEvent =
  | { readonly event: 'started'; readonly epoch: string; readonly tx: number }
  | {
      readonly event: 'applied';
      readonly epoch: string;
      readonly tx: number;
      readonly commits: number;
      readonly pages: number;
    }
  | { readonly event: 'lag'; readonly lagMs: number; readonly reason: string }
  | { readonly event: 'gap'; readonly epoch: string; readonly reason: string; readonly pages: number }
  | { readonly event: 'promoted'; readonly epoch: string; readonly tx: number };
