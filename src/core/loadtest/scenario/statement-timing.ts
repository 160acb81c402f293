import type { Connection } from '../../sqlite/connection.ts';
import type { SessionSettings } from './scenario.ts';

/** Runs one statement of a transaction; its time is taken only when somebody wants it. */
export function runTimed<T>(
  settings: SessionSettings,
  connection: Connection,
  at: { readonly type: number; readonly statement: number },
  work: () => T,
): T {
  if (settings.onStatement === undefined) return work();
  const { clock } = connection.ports;
  const startedMs = clock.now();
  const result = work();
  settings.onStatement(at.type, at.statement, startedMs, clock.now());
  return result;
}
