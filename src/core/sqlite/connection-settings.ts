import type { Clock, Random } from '../context.ts';

/** Time and chance of a connection: waiting for locks needs both. */
export interface ConnectionPorts {
  readonly clock: Clock;
  readonly random: Random;
}

export interface ConnectionSettings extends ConnectionPorts {
  /** How long a call waits for a lock of another process, in milliseconds. */
  readonly busyTimeoutMs?: number;
  readonly statementCacheSize?: number;
}

export const defaultBusyTimeoutMs = 5000;
