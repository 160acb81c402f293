import type { OperationContext } from '../context.ts';
import type { Connection } from '../sqlite/connection.ts';
import { type HistoryRow, HistoryTable, type NewHistoryRow } from './history.ts';
import { knexMirror } from './knex-mirror.ts';
import { Breather, beginWrite, commitWrite, newRunId, rollBack, type Session } from './session.ts';
import { defaultHistoryTable } from './state.ts';

/** What every command needs that writes history rows and runs no migration. */
export interface AppendSettings {
  readonly connection: Connection;
  readonly table?: string;
  readonly tool: string;
  readonly lockTimeoutMs: number;
  /** Keeps the table of another tool in step. */
  readonly mirror?: 'knex';
}

export type EventRow = Omit<NewHistoryRow, 'at' | 'tool' | 'run' | 'durationMs'>;

/** A session without a run of files. */
export function plainSession(settings: AppendSettings, context: OperationContext): Session {
  return {
    connection: settings.connection,
    history: new HistoryTable(
      settings.connection,
      settings.table ?? defaultHistoryTable,
      settings.mirror === undefined ? undefined : knexMirror(settings.connection),
    ),
    context,
    breather: new Breather(context),
    run: newRunId(context),
    tool: settings.tool,
    lockTimeoutMs: settings.lockTimeoutMs,
  };
}

/** Appends the rows that `decide` gives, which it does with the write lock held. Returns what was written. */
export async function appendEvents(
  settings: AppendSettings,
  decide: (session: Session) => readonly EventRow[],
  context: OperationContext,
): Promise<HistoryRow[]> {
  const session = plainSession(settings, context);
  await beginWrite(session);
  try {
    const rows = decide(session);
    if (rows.length > 0 && !session.history.exists()) session.history.create();
    const at = new Date(context.clock.wallTime()).toISOString();
    const written = rows.map((row) =>
      session.history.append({ ...row, at, durationMs: null, tool: session.tool, run: session.run }),
    );
    await commitWrite(session);
    return written;
  } finally {
    rollBack(settings.connection);
  }
}
