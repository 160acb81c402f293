import type { OperationContext } from '../../src/core/context.ts';
import { systemClock } from '../../src/system/system-clock.ts';
import { systemRandom } from '../../src/system/system-random.ts';

const quiet = (): void => {};

/** A context with the real clock that shows and logs nothing. */
export function testContext(parts: Partial<OperationContext> = {}): OperationContext {
  return {
    clock: systemClock,
    random: systemRandom,
    signal: new AbortController().signal,
    progress: { start: () => ({ advance: quiet, total: quiet, done: quiet }) },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    ...parts,
  };
}

/** The two ports that a connection needs. */
export const testPorts = { clock: systemClock, random: systemRandom };
