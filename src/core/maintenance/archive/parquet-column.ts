import { isUtf8 } from 'node:buffer';
import type { SchemaElement } from 'hyparquet';
import type { ArchivedColumn } from './manifest.ts';
import type { ExactRow } from './row.ts';

/** What a Parquet column holds; SQLite decides per value, Parquet per column. */
export type ColumnClass = 'integer' | 'real' | 'text' | 'blob';

type Value = ExactRow['values'][number];

/** A value that its column cannot hold: such a chunk is kept in SQLite's format. */
export class ClassMismatch extends Error {
  readonly column: string;

  constructor(column: string, expected: ColumnClass) {
    super(`a value of ${JSON.stringify(column)} is not ${expected === 'text' ? 'text in valid UTF-8' : expected}`);
    this.name = 'ClassMismatch';
    this.column = column;
  }
}

function classOf(value: Value, isText: boolean): ColumnClass | undefined {
  if (value === null) return undefined;
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return 'real';
  return isText ? 'text' : 'blob';
}

/** The class a column is declared with, by SQLite's rules of affinity; for columns that hold nothing but NULL. */
function declaredClass(type: string): ColumnClass {
  if (/int/i.test(type)) return 'integer';
  if (/char|clob|text/i.test(type)) return 'text';
  return /real|floa|doub/i.test(type) ? 'real' : 'blob';
}

/** Values of one column of a row group. */
export class ParquetColumn {
  readonly name: string;
  readonly #declared: string;
  #class: ColumnClass | undefined;
  #values: unknown[] = [];

  constructor({ name, type }: Pick<ArchivedColumn, 'name' | 'type'>) {
    this.name = name;
    this.#declared = type;
  }

  get columnClass(): ColumnClass {
    this.#class ??= declaredClass(this.#declared);
    return this.#class;
  }

  add(value: Value, isText: boolean): void {
    const found = classOf(value, isText);
    if (found !== undefined) {
      this.#class ??= found;
      if (found !== this.#class) throw new ClassMismatch(this.name, this.#class);
    }
    if (found !== 'text') {
      this.#values.push(value);
      return;
    }
    const bytes = value as Buffer;
    if (!isUtf8(bytes)) throw new ClassMismatch(this.name, 'text');
    this.#values.push(bytes.toString('utf8'));
  }

  /** The values since the last call. */
  take(): unknown[] {
    const values = this.#values;
    this.#values = [];
    return values;
  }

  get schema(): SchemaElement {
    const physical = { integer: 'INT64', real: 'DOUBLE', text: 'BYTE_ARRAY', blob: 'BYTE_ARRAY' } as const;
    return {
      name: this.name,
      type: physical[this.columnClass],
      repetition_type: 'OPTIONAL',
      ...(this.columnClass === 'text' ? { converted_type: 'UTF8', logical_type: { type: 'STRING' } } : {}),
    };
  }
}
