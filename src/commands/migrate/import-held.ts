import { TradedbError } from '../../core/error.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import { reasons } from '../../core/trading/import/reason.ts';
import type { CommandContext } from '../definition.ts';
import { openForReading } from './settings.ts';

/** Rows that an import could not map. */
export interface HeldList {
  /** Null for any reason. */
  readonly reason: string | null;
  readonly total: number;
  readonly rows: readonly HeldListRow[];
}

export interface HeldListRow {
  readonly source: string;
  readonly system: string;
  readonly stream: string;
  readonly externalId: string;
  readonly reason: string;
  readonly detail: string | null;
  /** The whole row of the source, as JSON. */
  readonly row: unknown;
}

const mostRows = 1000;

/** What is held in a target, the oldest first; at most 1000 rows are listed, all are counted. */
export async function readHeld(target: string, reason: string, context: CommandContext): Promise<HeldList> {
  if (reason !== 'all' && !(reasons as readonly string[]).includes(reason)) {
    throw new TradedbError('usage', `${JSON.stringify(reason)} is no reason for which a row is held`, {
      hint: `all, or one of: ${reasons.join(', ')}`,
    });
  }
  const connection = await openForReading(target, context);
  try {
    if (connection.value("SELECT 1 FROM sqlite_schema WHERE name = 'import_quarantine'") === undefined) {
      throw new TradedbError('schema_missing', `${JSON.stringify(target)} does not have the trading schema`, {
        hint: 'name the database that was imported into',
      });
    }
    return heldIn(connection, reason);
  } finally {
    connection.close();
  }
}

/** The same for a database that is open: after a dry run, its private copy. */
export function heldIn(connection: Connection, reason: string): HeldList {
  const where = `WHERE q.resolved_us IS NULL AND (@reason = 'all' OR q.reason = @reason)`;
  const total = Number(connection.value(`SELECT count(*) FROM import_quarantine q ${where}`, { reason }));
  const rows = connection.all<Omit<HeldListRow, 'row'> & { readonly row: string }>(
    `SELECT s.name AS source, s.system, q.stream, q.external_id AS externalId, q.reason, q.detail, q.row
     FROM import_quarantine q JOIN import_sources s USING (source_id) ${where}
     ORDER BY q.quarantine_id LIMIT ${mostRows}`,
    { reason },
  );
  const shown = rows.map((held) => ({ ...held, row: JSON.parse(held.row) as unknown }));
  return { reason: reason === 'all' ? null : reason, total, rows: shown };
}
