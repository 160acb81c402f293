import type { ConnectionPorts, ConnectionSettings } from './connection-settings.ts';
import { type Durability, fullProfile, type PragmaProfile } from './pragma-profile.ts';

/**
 * The `connection` section of the configuration after it was read: durations in milliseconds, sizes in bytes. Commands
 * and the library open databases with it, so that both behave the same.
 */
export interface ConnectionSection {
  readonly durability: Durability;
  readonly busyTimeout: number;
  readonly cacheSize: number;
  readonly mmapSize: number;
  readonly statementCacheSize: number;
  readonly readMaxAge: number;
  readonly checkpoint: {
    readonly ceilingPages: number;
    readonly idle: number;
    readonly minCommits: number;
    readonly walLimit: number;
  };
  readonly groupCommit: { readonly maxOperations: number; readonly maxDelay: number; readonly maxQueued: number };
  readonly backgroundReaders: {
    readonly size: number;
    readonly maxQueued: number;
    readonly queueTimeout: number;
    readonly deadline: number;
  };
  readonly resultCache: { readonly entries: number; readonly bytes: number };
}

/** The pragmas of a connection under this configuration; `pageSizeBytes` counts for a new file only. */
export function profileOf(section: ConnectionSection, pageSizeBytes = fullProfile.pageSizeBytes): PragmaProfile {
  return {
    durability: section.durability,
    walAutocheckpointPages: section.checkpoint.ceilingPages,
    cacheSizeBytes: section.cacheSize,
    mmapSizeBytes: section.mmapSize,
    foreignKeys: true,
    pageSizeBytes,
  };
}

/** What every connection under this configuration is opened with. */
export function settingsOf(section: ConnectionSection, ports: ConnectionPorts): ConnectionSettings {
  return {
    clock: ports.clock,
    random: ports.random,
    busyTimeoutMs: section.busyTimeout,
    statementCacheSize: section.statementCacheSize,
  };
}
