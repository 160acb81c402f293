import { basename } from 'node:path';
import { TradedbError } from '../../../error.ts';
import { type ClosableTable, candlesOf, fileTables } from '../file/file-tables.ts';
import { recordRows } from '../file/record-rows.ts';
import { SourceFiles } from '../file/source-files.ts';
import { TextWindow } from '../file/text-window.ts';
import { mappedReader } from '../mapped/reader.ts';
import type { FilePorts, FileSource, SourceReader } from '../source.ts';
import { jsonColumn, lineColumn, NdjsonParser, problemColumn } from './parser.ts';

/** Files with one JSON object a line: candles by their fields, everything else through a mapping whose columns they are. */
export const ndjsonSource: FileSource = {
  name: 'ndjson',
  async open(ports: FilePorts): Promise<SourceReader> {
    const { catalog, options, notes } = ports;
    const files = new SourceFiles(ports.path, ['.ndjson', '.jsonl', '.json']);
    const mapping =
      ports.mapping ?? (await candlesOf(files.only, ndjsonTable(files.only, fieldsOf(files.only)), options));
    const tables = await fileTables({ mapping, files, connectionPorts: ports, open: ndjsonTable });
    try {
      return mappedReader({ mapping, tables, catalog, options, notes });
    } catch (error) {
      tables.close();
      throw error;
    }
  },
};

/** The fields of the first object. Throws `usage` when the first line is none. */
function fieldsOf(path: string): string[] {
  const table = ndjsonTable(path, []);
  try {
    let first: unknown;
    table.rows.read(undefined, { rows: 1, ms: 1000 }, (row) => {
      if (table.defect(row) === undefined) first = JSON.parse(String(row[table.columns.indexOf(jsonColumn)]));
    });
    if (typeof first === 'object' && first !== null) return Object.keys(first);
  } finally {
    table.close();
  }
  throw new TradedbError('usage', `the first line of ${JSON.stringify(basename(path))} is no JSON object`, {
    hint: 'write one object a line',
  });
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

function ndjsonTable(path: string, fields: readonly string[]): ClosableTable {
  const window = new TextWindow(path, 'single');
  const own = [lineColumn, jsonColumn, problemColumn];
  const read = fields.filter((field) => !own.includes(field));
  const byte = window.bytes(0, 3).equals(byteOrderMark) ? 3 : 0;
  const problemAt = read.length + own.indexOf(problemColumn);
  return {
    name: basename(path),
    columns: [...read, ...own],
    rows: recordRows(window, new NdjsonParser(read), { byte, line: 1 }),
    mutable: false,
    decimal: '.',
    ownColumns: own,
    key: [lineColumn],
    defect(row) {
      const problem = row[problemAt];
      if (typeof problem !== 'string') return undefined;
      return { reason: problem.endsWith('not UTF-8') ? 'bad_text' : 'bad_json', detail: problem };
    },
    close: () => window.close(),
  };
}
