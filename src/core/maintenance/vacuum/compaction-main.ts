import { renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { TradedbError } from '../../error.ts';
import { processStartTime } from '../../file-access/process-name.ts';
import { openReadOnly } from '../../sqlite/connection.ts';
import type { ConnectionSettings } from '../../sqlite/connection-settings.ts';
import { syncFolder } from '../../sync-folder.ts';
import { sourceFacts, verifyCopy, writeCopy } from './compact-copy.ts';
import type { CompactionJob, FromChild, ToChild } from './compaction-protocol.ts';
import { swapInCompactCopy } from './exclusive-swap.ts';
import { rewriteInPlace } from './rewrite-in-place.ts';

/**
 * Entry of the child process that runs VACUUM: SQLite cannot be stopped inside a statement, but a child can be killed.
 * It asks its parent before each step, so a cancelled or killed parent never finds a file replaced afterwards.
 */

// Ctrl-C reaches the whole process group: the parent decides what it means.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

let permitted: (() => void) | undefined;

process.on('message', (message: ToChild) => {
  if (message.type === 'go') permitted?.();
  else void work(message.job);
});
process.on('disconnect', () => process.exit(1));

async function work(job: CompactionJob): Promise<void> {
  try {
    await run(job, { clock: systemClock, random: systemRandom, busyTimeoutMs: job.busyTimeoutMs });
    tell({ type: 'done' });
  } catch (error) {
    tell(failure(error));
  }
  process.disconnect?.();
}

async function run(job: CompactionJob, settings: ConnectionSettings): Promise<void> {
  const conversion = job.convertTo === undefined ? {} : { convertTo: job.convertTo };
  if (job.kind === 'swap') {
    const record = { ...job.record, pid: process.pid, processStart: processStartTime(process.pid) };
    const request = { database: job.database, record, verify: job.verify, ...conversion };
    return swapInCompactCopy(request, {
      settings,
      onStep: async (step) => {
        tell({ type: 'step', step });
        await new Promise<void>((resolve) => {
          permitted = resolve;
        });
      },
    });
  }
  if (job.kind === 'full') return rewriteInPlace(job.database, job.convertTo, settings);
  copy(job.database, { target: `${job.target}.partial`, verify: job.verify, ...conversion }, settings);
  renameSync(`${job.target}.partial`, job.target);
  syncFolder(dirname(job.target));
}

function copy(database: string, request: Parameters<typeof writeCopy>[1], settings: ConnectionSettings): void {
  const source = openReadOnly(database, settings);
  // VACUUM INTO counts as a write for query_only; the handle itself stays read-only.
  source.pragma('query_only = 0');
  try {
    // Read before and after the copy, a count can differ beside a writer: all of it belongs to one snapshot, and VACUUM
    // cannot run inside a transaction. So a copy of a live database is compared by schema and by its own check.
    const facts = sourceFacts(source);
    const before = Number(source.pragmaValue('data_version'));
    writeCopy(source, request);
    const quiet = Number(source.pragmaValue('data_version')) === before;
    verifyCopy(quiet ? facts : { ...facts, rows: new Map() }, request, settings);
  } finally {
    source.close();
  }
}

function tell(message: FromChild): void {
  process.send?.(message);
}

function failure(error: unknown): FromChild {
  if (error instanceof TradedbError) {
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return { type: 'failed', code: error.code, message: error.message, ...hint };
  }
  const text = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
  return { type: 'failed', code: 'internal', message: text, ...stack };
}
