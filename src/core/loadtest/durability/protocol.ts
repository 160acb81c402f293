import type { EffectivePragmas, PragmaProfile } from '../../sqlite/pragma-profile.ts';
import type { ErrorMessage } from '../child/protocol.ts';
import type { Synchronous } from './contract.ts';
import type { LedgerState } from './ledger.ts';

/** Parent to a writer. It writes until it is killed, or until `transactions` are done. */
export interface WriterSetup {
  readonly type: 'write';
  readonly path: string;
  readonly writer: number;
  readonly profile: PragmaProfile;
  readonly synchronous: Synchronous;
  readonly autocheckpointPages: number;
  readonly groupSize: number;
  readonly transactions?: number;
  /** Acknowledges into this file instead of its stdout. */
  readonly acknowledgements?: string;
  /** Adds the size of the WAL to each acknowledgement. */
  readonly withWalSize?: boolean;
  /** A writer that lies: it acknowledges before COMMIT. For the tests of this instrument. */
  readonly acknowledgeEarly?: boolean;
}

export type FromWriter = ErrorMessage | { readonly type: 'writing' } | { readonly type: 'written' };

/** Parent to the process that makes and checks files. */
export type CheckerRequest =
  | { readonly type: 'create'; readonly path: string; readonly profile: PragmaProfile }
  | { readonly type: 'check'; readonly path: string; readonly writers: number };

export type FromChecker =
  | ErrorMessage
  | { readonly type: 'created'; readonly connection: EffectivePragmas; readonly node: string }
  | { readonly type: 'checked'; readonly state: LedgerState };
