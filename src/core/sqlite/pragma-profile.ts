/** Named connection settings. Pragmas belong to the connection, not to the file: two programs may differ on one file. */

export type Durability = 'full' | 'normal';

export interface PragmaProfile {
  /** `full`: an acknowledged commit survives power loss. `normal`: the last commits before a power loss may be lost. */
  readonly durability: Durability;
  readonly walAutocheckpointPages: number;
  readonly cacheSizeBytes: number;
  readonly mmapSizeBytes: number;
  readonly foreignKeys: boolean;
  /** Used only for a file that this connection creates. */
  readonly pageSizeBytes: number;
}

export const fullProfile: PragmaProfile = {
  durability: 'full',
  walAutocheckpointPages: 10_000,
  cacheSizeBytes: 16 * 1024 * 1024,
  mmapSizeBytes: 0,
  foreignKeys: true,
  pageSizeBytes: 4096,
};

export const normalProfile: PragmaProfile = { ...fullProfile, durability: 'normal' };

/** What a connection really has, read back from SQLite. */
export interface EffectivePragmas {
  readonly sqliteVersion: string;
  readonly journalMode: string;
  readonly synchronous: 'off' | 'normal' | 'full' | 'extra';
  readonly walAutocheckpointPages: number;
  readonly cacheSizeBytes: number;
  readonly mmapSizeBytes: number;
  readonly pageSizeBytes: number;
  readonly foreignKeysEnabled: boolean;
  readonly busyTimeoutMs: number;
}

export const synchronousNames = ['off', 'normal', 'full', 'extra'] as const;
