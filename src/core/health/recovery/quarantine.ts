import { writeFileSync } from 'node:fs';
import type { RecordValue } from '../../file-format/record.ts';
import { type Connection, type ConnectionPorts, openReadWrite } from '../../sqlite/connection.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';

export interface QuarantinedRow {
  readonly page: number;
  readonly table: string | undefined;
  readonly rowid: bigint | undefined;
  readonly reason: string;
  readonly values?: readonly RecordValue[];
  /** What is left of a record that cannot be read. */
  readonly bytes?: Uint8Array;
}

const tableNames = ['quarantined', 'deleted', 'unproven'] as const;
type TableName = (typeof tableNames)[number];

/** Rows that have no place in the result: kept with page and reason, never dropped. The file is made with the first row. */
export class Quarantine {
  readonly path: string;
  count = 0;
  deleted = 0;
  unproven = 0;
  readonly #ports: ConnectionPorts;
  #connection: Connection | undefined;

  constructor(path: string, ports: ConnectionPorts) {
    this.path = path;
    this.#ports = ports;
  }

  add(row: QuarantinedRow): void {
    this.#insert('quarantined', row);
    this.count += 1;
  }

  /** A row that was deleted before the damage: kept apart from those without a place. */
  addDeleted(row: QuarantinedRow): void {
    this.#insert('deleted', row);
    this.deleted += 1;
  }

  /** A row of a WAL that nothing proves to be current. */
  addUnproven(row: QuarantinedRow): void {
    this.#insert('unproven', row);
    this.unproven += 1;
  }

  #insert(table: TableName, row: QuarantinedRow): void {
    const connection = this.#open();
    connection.run(`INSERT INTO ${table} (page, table_name, row_id, reason, record, bytes) VALUES (?, ?, ?, ?, ?, ?)`, [
      row.page,
      row.table ?? null,
      row.rowid ?? null,
      row.reason,
      row.values === undefined ? null : recordJson(row.values),
      row.bytes ?? null,
    ]);
    if ((this.count + this.deleted + this.unproven) % 1000 === 999) connection.exec('COMMIT; BEGIN');
  }

  close(): void {
    if (this.#connection?.inTransaction === true) this.#connection.exec('COMMIT');
    this.#connection?.close();
  }

  #open(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    writeFileSync(this.path, '', { flag: 'a' });
    const connection = openReadWrite(this.path, normalProfile, this.#ports);
    for (const name of tableNames) {
      connection.exec(`CREATE TABLE IF NOT EXISTS ${name} (
        id INTEGER PRIMARY KEY, page INTEGER NOT NULL, table_name TEXT, row_id INTEGER, reason TEXT NOT NULL,
        record TEXT, bytes BLOB) STRICT`);
    }
    connection.exec('BEGIN');
    this.#connection = connection;
    return connection;
  }
}

/** A record as JSON: large integers and blobs as objects, because JSON has neither. */
function recordJson(values: readonly RecordValue[]): string {
  return JSON.stringify(
    values.map((value) => {
      if (value instanceof Uint8Array) return { blob: Buffer.from(value).toString('hex') };
      if (typeof value !== 'bigint') return value;
      return Number.isSafeInteger(Number(value)) ? Number(value) : { integer: value.toString() };
    }),
  );
}
