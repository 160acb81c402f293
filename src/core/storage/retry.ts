import type { Clock, Random } from '../context.ts';

/** Repeats calls to a server that may be repeated. */

export interface RetryPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** An answer that may be another one next time: an error of the server, a lost connection, a short answer. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
}

const tries = 5;
const firstPauseMs = 100;
const longestPauseMs = 5000;

/**
 * Runs `work` up to five times, with pauses that grow and are drawn by chance, so that many clients do not come back at
 * the same moment. Only a `TransientError` is repeated; the last one is given to `giveUp`.
 */
export async function retried<T>(
  ports: RetryPorts,
  work: (attempt: number) => Promise<T>,
  giveUp: (error: TransientError) => unknown,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      if (attempt === tries) throw giveUp(error);
      const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
      await ports.clock.sleep(pause * (0.5 + ports.random.next() / 2));
    }
  }
}
