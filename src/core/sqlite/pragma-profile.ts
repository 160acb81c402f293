import { TradedbError } from '../error.ts';

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

const synchronousNames = ['off', 'normal', 'full', 'extra'] as const;

/** What reading and setting pragmas needs of a connection. */
export interface PragmaTarget {
  readonly busyTimeoutMs: number;
  readonly sqliteVersion: string;
  pragma(text: string): unknown;
  pragmaValue(text: string): unknown;
}

type Setting = readonly [name: string, value: number];

/** Sets every pragma of the profile and reads it back; throws `unsupported` when SQLite kept another value. */
export function applyProfile(target: PragmaTarget, profile: PragmaProfile): void {
  set(target, [
    ['synchronous', profile.durability === 'full' ? 2 : 1],
    ['wal_autocheckpoint', profile.walAutocheckpointPages],
    ...memorySettings(profile),
    ['foreign_keys', profile.foreignKeys ? 1 : 0],
  ]);
}

/** The part of a profile that matters to a connection that only reads. */
export function applyReaderProfile(
  target: PragmaTarget,
  profile: Pick<PragmaProfile, 'cacheSizeBytes' | 'mmapSizeBytes'>,
): void {
  set(target, memorySettings(profile));
}

function memorySettings(profile: Pick<PragmaProfile, 'cacheSizeBytes' | 'mmapSizeBytes'>): Setting[] {
  return [
    ['cache_size', -Math.round(profile.cacheSizeBytes / 1024)],
    ['mmap_size', profile.mmapSizeBytes],
  ];
}

function set(target: PragmaTarget, settings: readonly Setting[]): void {
  for (const [name, value] of settings) {
    target.pragma(`${name} = ${value}`);
    const found = Number(target.pragmaValue(name));
    if (found === value) continue;
    throw new TradedbError('unsupported', `SQLite kept ${name} = ${found} although ${value} was asked for`);
  }
}

export function readPragmas(target: PragmaTarget): EffectivePragmas {
  const number = (name: string): number => Number(target.pragmaValue(name) ?? 0);
  const pageSizeBytes = number('page_size');
  const cache = number('cache_size');
  return {
    sqliteVersion: target.sqliteVersion,
    journalMode: String(target.pragmaValue('journal_mode')),
    synchronous: synchronousNames[number('synchronous')] ?? 'off',
    walAutocheckpointPages: number('wal_autocheckpoint'),
    cacheSizeBytes: cache < 0 ? -cache * 1024 : cache * pageSizeBytes,
    mmapSizeBytes: number('mmap_size'),
    pageSizeBytes,
    foreignKeysEnabled: number('foreign_keys') === 1,
    busyTimeoutMs: target.busyTimeoutMs,
  };
}
