import type { SchemaElement } from 'hyparquet';
import { type ExactValue, RawText } from '../retention/row.ts';
import { affinityOf } from './affinity.ts';
import type { ArchivedColumn } from './manifest.ts';

/** What a Parquet column holds; SQLite decides per value, Parquet per column. */
export type ColumnClass = 'integer' | 'real' | 'text' | 'blob';

/** A value that its column cannot hold: such a chunk is kept in SQLite's format. */
export class ClassMismatch extends Error {
  readonly column: string;

  constructor(column: string, expected: ColumnClass) {
    super(`a value of ${JSON.stringify(column)} is not ${expected === 'text' ? 'text in valid UTF-8' : expected}`);
    this.name = 'ClassMismatch';
    this.column = column;
  }
}

function classOf(value: ExactValue): ColumnClass | undefined {
  if (value === null) return undefined;
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return 'real';
  return typeof value === 'string' ? 'text' : 'blob';
}

/** The class of a column that holds nothing but NULL; numbers of no certain class may come as bytes. */
const declaredClasses = { INTEGER: 'integer', TEXT: 'text', REAL: 'real', BLOB: 'blob', NUMERIC: 'blob' } as const;

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
    this.#class ??= declaredClasses[affinityOf(this.#declared)];
    return this.#class;
  }

  add(value: ExactValue): void {
    if (value instanceof RawText) throw new ClassMismatch(this.name, 'text');
    const found = classOf(value);
    if (found !== undefined && found !== this.#class) {
      if (this.#class !== undefined) throw new ClassMismatch(this.name, this.#class);
      this.#class = found;
    }
    this.#values.push(value);
  }

  /** The values since the last call, as the Parquet writer takes them. */
  take(): { readonly name: string; readonly data: unknown[]; readonly encoding?: 'PLAIN' } {
    const data = this.#values;
    this.#values = [];
    // A dictionary would take 0 and -0 for one value.
    return { name: this.name, data, ...(this.columnClass === 'real' ? { encoding: 'PLAIN' } : {}) };
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
