import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { serveReader } from '../../file-access/reader-child.ts';
import { type Connection, openReadOnly, openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import { runJob } from './run-job.ts';
import type { SqlJob, SqlJobResult } from './sql-job.ts';

/**
 * Entry of the child process that runs the checks with SQL. The parent ends it at the deadline: a running statement
 * cannot be stopped from inside its process.
 */

let connection: Connection | undefined;

serveReader(process, {
  open({ path, recover, busyTimeoutMs }: { path: string; recover: boolean; busyTimeoutMs: number }) {
    const settings = { clock: systemClock, random: systemRandom, busyTimeoutMs };
    // Only a private copy is ever opened for writing: its interrupted transaction must be rolled back first.
    connection = recover ? openReadWrite(path, fullProfile, settings) : openReadOnly(path, settings);
    return connection.sqliteVersion;
  },
  /** Goes on with a copy of this moment: a long check on the live file would hold back its checkpoints. */
  async useCopy({ path }: { path: string }) {
    if (connection === undefined) throw new Error('no database is open');
    const live = connection;
    live.run('BEGIN');
    live.value('SELECT count(*) FROM sqlite_schema');
    await live.backupTo(path, 10_000, () => {});
    live.run('COMMIT');
    live.close();
    connection = openReadOnly(path, { clock: systemClock, random: systemRandom });
  },
  async runTrading({ jobs }: { jobs: readonly SqlJob[] }): Promise<SqlJobResult[]> {
    if (connection === undefined) throw new Error('no database is open');
    const { runTradingRules } = await import('./run-trading-rules.ts');
    return runTradingRules(connection, jobs);
  },
  run({ job }: { job: SqlJob }): SqlJobResult {
    if (connection === undefined) throw new Error('no database is open');
    const started = systemClock.now();
    return { ...runJob(connection, job), durationMs: systemClock.now() - started };
  },
});
