import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { TradedbError } from '../../error.ts';
import { serveReader } from '../../file-access/reader-child.ts';
import { type Connection, openReadWrite } from '../../sqlite/connection.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import type { ProbeTry } from './probe.ts';

/**
 * Entry of the child that takes the write lock for a moment, again and again. Its own process: it opens SQLite, which
 * the sampler must not, and it never waits for the lock.
 */

const pauseMs = 500;
const longestPauseMs = 10_000;

serveReader(process, {
  async probe({ path }: { readonly path: string }, emit: (one: ProbeTry) => void) {
    const connection = openReadWrite(path, normalProfile, {
      clock: systemClock,
      random: systemRandom,
      busyTimeoutMs: 0,
    });
    let pause = pauseMs;
    for (;;) {
      const tried = tryLock(connection);
      emit(tried);
      // Where others want the lock, it is asked for less often: each try can make one of them wait.
      pause = tried.busy ? Math.min(longestPauseMs, pause * 2) : pauseMs;
      // Never in step with a writer that works by the clock.
      await systemClock.sleep(pause * (0.5 + systemRandom.next()));
    }
  },
});

function tryLock(connection: Connection): ProbeTry {
  const started = systemClock.now();
  try {
    connection.run('BEGIN IMMEDIATE');
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'database_locked') return { busy: true, us: 0 };
    throw error;
  }
  connection.run('ROLLBACK');
  return { busy: false, us: (systemClock.now() - started) * 1000 };
}
