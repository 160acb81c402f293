import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { HistoryStore, ringLengths } from '../../src/core/monitor/history/store.ts';
import { testContext } from './context.ts';

/** A history in which these jobs of trading.db began so long ago: the next service makes up for what was missed. */
export function rememberJobs(folder: string, jobs: readonly string[], agoMs: number): void {
  mkdirSync(join(folder, '.tradedb'), { recursive: true });
  const path = join(folder, '.tradedb', 'monitor-history.db');
  const rings = ringLengths({ second: 3_600_000, minute: 604_800_000, hour: 34_560_000_000 });
  const history = new HistoryStore({ path, maxBytes: 134_217_728, rings }, testContext());
  for (const job of jobs) {
    history.addEvent({ atMs: Date.now() - agoMs, database: 'trading.db', kind: 'job_started', detail: { job } });
  }
  history.close();
}
