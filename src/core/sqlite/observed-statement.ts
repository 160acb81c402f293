import type { Clock } from '../context.ts';
import type { RawStatement } from './driver.ts';
import type { StatementEvent } from './hooks.ts';
import type { SqlParameters } from './statement.ts';

/**
 * Makes a prepared statement tell each of its executions. Only statements of a connection with a listener are changed:
 * without one, nobody pays for it.
 */
export function observeStatement(
  raw: RawStatement,
  listener: (event: Omit<StatementEvent, 'connection'>) => void,
  clock: Clock,
): RawStatement {
  const watched = raw as { -readonly [K in 'run' | 'get' | 'all' | 'iterate']: (...values: unknown[]) => unknown };
  for (const method of ['run', 'get', 'all', 'iterate'] as const) {
    const original = watched[method].bind(raw);
    watched[method] = (...values: unknown[]): unknown => {
      const started = clock.now();
      try {
        return original(...values);
      } finally {
        // An iteration is told when it starts: its rows are read by and by.
        listener({ sql: raw.source, values: parametersOf(values), durationMs: clock.now() - started });
      }
    };
  }
  return raw;
}

function parametersOf(values: readonly unknown[]): SqlParameters {
  const [first] = values;
  const named = values.length === 1 && typeof first === 'object' && first !== null && !ArrayBuffer.isView(first);
  return (named ? first : values) as SqlParameters;
}
