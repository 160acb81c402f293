import { type Connection, openTemporary } from '../../../sqlite/connection.ts';
import type { ConnectionPorts } from '../../../sqlite/connection-settings.ts';
import { quoteIdentifier } from '../../../sqlite/quote-identifier.ts';
import { SqliteTable } from '../mapped/sqlite-table.ts';
import type { JoinedTable, MappedTable } from '../mapped/table.ts';
import type { SourceKey } from '../source.ts';
import { SourceSchema } from '../source-schema.ts';

const slice = { rows: 20_000, ms: 1000 };
const numberColumn = '#staged';

/**
 * Rows of a file in a temporary database, where those of an order can be found wherever they stand in the file. Memory
 * stays bounded: SQLite keeps what it needs, the rest lies in a file of its own.
 */
export async function stagedTable(
  table: MappedTable,
  lookedUp: readonly string[],
  ports: ConnectionPorts,
): Promise<JoinedTable & { close(): void }> {
  const connection = openTemporary(ports);
  try {
    await fill(connection, table);
    const name = quoteIdentifier(table.name);
    for (const column of lookedUp)
      connection.exec(`CREATE INDEX ${quoteIdentifier(`by ${column}`)} ON ${name} (${quoteIdentifier(column)})`);
  } catch (error) {
    connection.close();
    throw error;
  }
  const rows = new SqliteTable(new SourceSchema(connection), table.name, () => connection);
  return {
    name: table.name,
    columns: rows.columns,
    rows: rows.rows,
    mutable: true,
    decimal: table.decimal,
    ownColumns: [...table.ownColumns, numberColumn],
    key: table.key,
    defect: (row) => table.defect(row),
    find: (column, value) => rows.find(column, value),
    close: () => connection.close(),
  };
}

/** The columns of the file come first, so that a row is read as the file's own; none has an affinity that changes it. */
async function fill(connection: Connection, table: MappedTable): Promise<void> {
  const columns = table.columns.map((column) => `${quoteIdentifier(column)} BLOB`);
  const name = quoteIdentifier(table.name);
  connection.exec(`CREATE TABLE ${name} (${columns.join(', ')}, ${quoteIdentifier(numberColumn)} INTEGER PRIMARY KEY)`);
  const insert = connection.prepare(`INSERT INTO ${name} VALUES (${[...columns, ''].map(() => '?').join(', ')})`);
  let after: SourceKey | undefined;
  let number = 0;
  for (let isDone = false; !isDone; ) {
    await table.rows.prepare?.(after, slice);
    const read = connection.tx(() => {
      const first = number;
      let next = first;
      const found = table.rows.read(after, slice, (row) => {
        next += 1;
        insert.run([...row, next]);
      });
      return { ...found, next };
    });
    number = read.next;
    after = read.last ?? after;
    isDone = read.done;
  }
}
