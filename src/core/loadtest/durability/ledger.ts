import type { Connection } from '../../sqlite/connection.ts';

/** The small books that the writers keep: every transaction writes an order, moves a position and writes a fill. */

export const durabilityTables = `
CREATE TABLE durability_orders (
  writer INTEGER NOT NULL, number INTEGER NOT NULL, quantity INTEGER NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (writer, number)) STRICT;
CREATE TABLE durability_fills (
  writer INTEGER NOT NULL, number INTEGER NOT NULL, quantity INTEGER NOT NULL,
  PRIMARY KEY (writer, number)) STRICT;
CREATE TABLE durability_positions (
  writer INTEGER NOT NULL, instrument INTEGER NOT NULL, quantity INTEGER NOT NULL,
  PRIMARY KEY (writer, instrument)) STRICT, WITHOUT ROWID;
`;

const insertOrder = 'INSERT INTO durability_orders (writer, number, quantity, note) VALUES (?, ?, ?, ?)';
const movePosition = `INSERT INTO durability_positions (writer, instrument, quantity) VALUES (?, ?, ?)
ON CONFLICT (writer, instrument) DO UPDATE SET quantity = quantity + excluded.quantity`;
const insertFill = 'INSERT INTO durability_fills (writer, number, quantity) VALUES (?, ?, ?)';

const instruments = 50;
const note = 'a note that makes the row as long as a real order is. '.repeat(3);

/** Transaction `number` of a writer, from 1; call it inside a transaction. */
export function writeOrder(connection: Connection, writer: number, number: number): void {
  const quantity = 1 + (number % 97);
  connection.run(insertOrder, [writer, number, quantity, note]);
  connection.run(movePosition, [writer, number % instruments, quantity]);
  connection.run(insertFill, [writer, number, quantity]);
}

/** What a file holds after a crash. */
export interface LedgerState {
  readonly opened: boolean;
  /** Empty when `quick_check` found nothing. */
  readonly structure: readonly string[];
  readonly writers: readonly WriterState[];
}

export interface WriterState {
  readonly writer: number;
  /** Highest number; 0 when nothing is there. */
  readonly highest: number;
  /** Orders that are there. */
  readonly count: number;
  /** Orders without their fill, fills without their order, and positions that do not add up. */
  readonly partial: number;
}

/** Reads the books of every writer; throws what SQLite throws on a damaged file. */
export function readLedger(connection: Connection, writers: number): WriterState[] {
  return Array.from({ length: writers }, (_, writer) => {
    const number = (sql: string): number => Number(connection.value(sql, { writer }) ?? 0);
    const unmatched = (from: string, to: string): number =>
      number(
        `SELECT count(*) FROM ${from} a WHERE writer = :writer
           AND NOT EXISTS (SELECT 1 FROM ${to} b WHERE b.writer = a.writer AND b.number = a.number)`,
      );
    const fills = number('SELECT coalesce(sum(quantity), 0) FROM durability_fills WHERE writer = :writer');
    const positions = number('SELECT coalesce(sum(quantity), 0) FROM durability_positions WHERE writer = :writer');
    return {
      writer,
      highest: number('SELECT coalesce(max(number), 0) FROM durability_orders WHERE writer = :writer'),
      count: number('SELECT count(*) FROM durability_orders WHERE writer = :writer'),
      partial:
        unmatched('durability_orders', 'durability_fills') +
        unmatched('durability_fills', 'durability_orders') +
        (fills === positions ? 0 : 1),
    };
  });
}
