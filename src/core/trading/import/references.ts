import type { Connection } from '../../sqlite/connection.ts';
import type { Statement } from '../../sqlite/statement.ts';

export interface Reference {
  readonly entityId: number;
  readonly hash: Uint8Array;
}

/** Which rows of the source are in the target already, with the hash of what was taken. */
export class References {
  readonly #connection: Connection;
  readonly #sourceId: number;
  readonly #find: Statement;
  readonly #put: Statement;

  constructor(connection: Connection, sourceId: number) {
    this.#connection = connection;
    this.#sourceId = sourceId;
    this.#find = connection.prepare(
      'SELECT entity_id AS entityId, row_hash AS hash FROM external_refs WHERE source_id = ? AND entity = ? AND external_id = ?',
    );
    this.#put = connection.prepare(
      `INSERT INTO external_refs (source_id, entity, external_id, entity_id, row_hash) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET entity_id = excluded.entity_id, row_hash = excluded.row_hash`,
    );
  }

  find(entity: string, externalId: string): Reference | undefined {
    return this.#find.get<Reference>([this.#sourceId, entity, externalId]);
  }

  put(entity: string, externalId: string, entityId: number, hash: Uint8Array): void {
    this.#put.run([this.#sourceId, entity, externalId, entityId, hash]);
  }

  count(entity: string): number {
    const rows = this.#connection.value('SELECT count(*) FROM external_refs WHERE source_id = ? AND entity = ?', [
      this.#sourceId,
      entity,
    ]);
    return Number(rows);
  }

  /** External ids of an entity that are not among `seen`. */
  missing(entity: string, seen: ReadonlySet<string>): string[] {
    const rows = this.#connection.iterate<{ id: string }>(
      'SELECT external_id AS id FROM external_refs WHERE source_id = ? AND entity = ? ORDER BY external_id',
      [this.#sourceId, entity],
    );
    return [...rows].map(({ id }) => id).filter((id) => !seen.has(id));
  }

  /** Keeps columns that have no place in the schema; none removes what was kept. */
  attributes(entity: string, externalId: string, attributes: Readonly<Record<string, unknown>> | undefined): void {
    const key = [this.#sourceId, entity, externalId];
    if (attributes === undefined || Object.keys(attributes).length === 0) {
      this.#connection.run(
        'DELETE FROM external_attributes WHERE source_id = ? AND entity = ? AND external_id = ?',
        key,
      );
      return;
    }
    this.#connection.run(
      `INSERT INTO external_attributes (source_id, entity, external_id, attributes) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET attributes = excluded.attributes`,
      [...key, JSON.stringify(attributes)],
    );
  }
}

export const sameHash = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
