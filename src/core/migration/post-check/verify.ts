import type { Connection } from '../../sqlite/connection.ts';
import { failureAt } from '../failure.ts';
import type { Migration } from '../migration.ts';

/** Runs the verify section: a row is a counter-example. Throws with the place of the statement. */
export function requireVerified(connection: Connection, migration: Migration): void {
  for (const statement of migration.verify?.statements ?? []) {
    const place = {
      version: migration.version,
      file: migration.file,
      line: statement.line,
      column: statement.column,
      statement: statement.text,
    };
    try {
      const prepared = connection.prepare(statement.text);
      if (statement.kind !== 'select' || !prepared.readOnly || !prepared.returnsRows) {
        throw failureAt(place, 'a verify statement must only select', { hint: 'select the rows that must not exist' });
      }
      const row = prepared.get();
      if (row !== undefined) {
        throw failureAt(
          place,
          `verification found a row: ${JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`,
          {
            hint: 'the file was rolled back; correct the statements above, or the verification',
          },
        );
      }
    } catch (error) {
      if (
        error instanceof Error &&
        'details' in error &&
        (error.details as { version?: string } | undefined)?.version !== undefined
      )
        throw error;
      throw failureAt(place, error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}
