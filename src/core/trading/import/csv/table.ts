import type { CsvDialect } from '../../mapping/mapping.ts';
import { recordRows } from '../file/record-rows.ts';
import type { MappedTable } from '../mapped/table.ts';
import type { RawValue } from '../raw-value.ts';
import { type OpenedCsv, openCsv } from './dialect.ts';
import { CsvTokenizer, lineColumn, problemColumn, rawColumn } from './tokenizer.ts';

export interface CsvFile {
  readonly table: MappedTable;
  readonly opened: OpenedCsv;
}

/** A CSV file as the rows of a stream. `name` is how reports call it. */
export function csvTable(path: string, name: string, dialect: CsvDialect | undefined): CsvFile {
  const opened = openCsv(path, dialect);
  const own = [lineColumn, rawColumn, problemColumn];
  const columns = [...opened.header, ...own];
  const problemAt = columns.length - 1;
  const table: MappedTable = {
    name,
    columns,
    rows: recordRows(opened.window, new CsvTokenizer(opened.shape), opened.start),
    mutable: false,
    decimal: dialect?.decimal ?? '.',
    ownColumns: own,
    key: [lineColumn],
    defect(row) {
      const problem: RawValue | undefined = row[problemAt];
      return typeof problem === 'string' ? { reason: 'bad_text', detail: problem } : undefined;
    },
  };
  return { table, opened };
}
