import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { Finding } from '../../report.ts';
import { retryWhileBusy } from '../../sqlite/busy-retry.ts';
import { type Connection, openReadOnly } from '../../sqlite/connection.ts';
import { type EngineFacts, engineAdvice } from './engine-advice.ts';
import { fileAdvice, statisticsAdvice } from './file-advice.ts';
import { type FileFacts, readFileFacts } from './file-facts.ts';
import { countRows, judgeStatistics, recordedRows, statisticsTables, type TableStatistics } from './statistics-age.ts';

export interface SettingsData {
  readonly file: FileFacts;
  /** Null without a capture or workload file that tells it: our own connection says nothing about the engine. */
  readonly engine: EngineFacts | null;
  /** Tables with indexes. */
  readonly statistics: readonly TableStatistics[];
}

export interface SettingsRequest {
  readonly path: string;
  readonly engine: EngineFacts | null;
  readonly busyTimeoutMs: number;
}

/** Looks at what the file holds and at what an engine sets, and gives advice where a measurement supports it. */
export function examineSettings(
  request: SettingsRequest,
  context: OperationContext,
): { data: SettingsData; findings: Finding[] } {
  const connection = openReadOnly(request.path, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  try {
    const file = shot(connection, request, context, () => readFileFacts(connection));
    const statistics = examineStatistics(connection, request, context);
    const findings = [
      ...statisticsAdvice(statistics),
      ...(request.engine === null ? [] : engineAdvice(request.engine, file)),
      ...fileAdvice(file, request.engine !== null),
    ];
    return { data: { file, engine: request.engine, statistics }, findings };
  } finally {
    connection.close();
  }
}

function examineStatistics(
  connection: Connection,
  request: SettingsRequest,
  context: OperationContext,
): TableStatistics[] {
  const { tables, recorded } = shot(connection, request, context, () => ({
    tables: statisticsTables(connection),
    recorded: recordedRows(connection),
  }));
  const task = context.progress.start({ id: 'count', label: 'counting rows', unit: 'steps', total: tables.length });
  const statistics = tables.map(({ table, indexes }) => {
    throwIfCancelled(context.signal);
    // One table per read transaction: counting a large one must not hold back checkpoints for all the others too.
    const rows = shot(connection, request, context, () => countRows(connection, table));
    task.advance(1);
    return judgeStatistics(table, indexes, recorded.get(table) ?? new Map(), rows);
  });
  task.done();
  return statistics;
}

function shot<T>(connection: Connection, request: SettingsRequest, context: OperationContext, work: () => T): T {
  return retryWhileBusy(() => connection.read(work), {
    ...context,
    deadlineMs: request.busyTimeoutMs,
    path: request.path,
  });
}
