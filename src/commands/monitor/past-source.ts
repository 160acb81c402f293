import { basename } from 'node:path';
import { silencedUntil } from '../../core/alert/silence.ts';
import { AlertStateFile } from '../../core/alert/state-file.ts';
import { readEvents } from '../../core/monitor/history/event.ts';
import { openHistoryForReading } from '../../core/monitor/history/history-file.ts';
import { readHistory } from '../../core/monitor/history/query.ts';
import type { PastSource } from '../../core/monitor/terminal/dashboard.ts';
import type { AlertLine } from '../../core/monitor/terminal/state.ts';
import { historySeries } from '../../core/monitor/terminal/view/history.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import type { CommandContext } from '../definition.ts';
import { alertFacts } from './alert-facts.ts';
import { historySettings } from './service-settings.ts';

const mostJobs = 100;

/** The history that `monitor serve` keeps, for looking only. Nothing is opened before somebody looks. */
export function pastSource(context: CommandContext): PastSource {
  const { path, rings } = historySettings(context);
  const database = basename(context.databasePath());
  const look = <T>(work: (connection: Connection) => T): T | undefined => {
    // Opened for each look: the service may begin a new file at any time.
    const connection = openHistoryForReading(path, context);
    if (connection === undefined) return undefined;
    try {
      return work(connection);
    } finally {
      connection.close();
    }
  };
  return {
    read: (rangeMs, points) =>
      look((connection) => {
        const nowMs = context.clock.wallTime();
        // A step shorter than a column would leave columns empty.
        const range = { database, series: historySeries, fromMs: nowMs - rangeMs, toMs: nowMs, nowMs, points };
        return readHistory(connection, range, rings);
      }),
    alerts: () => alertLines(context),
    jobs: () =>
      look((connection) =>
        readEvents(connection, mostJobs, ['job_finished']).map(({ atMs, detail }) => ({
          at: new Date(atMs).toISOString(),
          job: String(detail.job),
          result: String(detail.result),
          durationMs: Number(detail.durationMs),
          problem: detail.problem === undefined ? undefined : String(detail.problem),
        })),
      ),
  };
}

/** Undefined when the rules were never evaluated here, or when their state cannot be read. */
function alertLines(context: CommandContext): AlertLine[] | undefined {
  const { pid, hostname } = context.host;
  const place = {
    stateDirectory: context.stateDirectory(),
    database: context.databasePath(),
    owner: { pid, hostname },
  };
  const file = new AlertStateFile(place, context);
  const nowMs = context.clock.wallTime();
  try {
    const { states, silences } = file.read();
    if (states.length === 0) return undefined;
    return states.map((state) => ({
      ...alertFacts(state),
      silenced: silencedUntil(silences, state, nowMs) !== null,
    }));
  } catch (error) {
    context.log.debug('the alerts cannot be looked at', { error: String(error) });
    return undefined;
  }
}
