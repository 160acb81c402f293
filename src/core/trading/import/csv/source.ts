import { basename } from 'node:path';
import { fileTables } from '../file/file-tables.ts';
import { SourceFiles } from '../file/source-files.ts';
import { mappedReader } from '../mapped/reader.ts';
import type { MappedTable } from '../mapped/table.ts';
import type { FilePorts, FileSource, SourceReader } from '../source.ts';
import { mappingOfCandles } from './candle-header.ts';
import { csvTable } from './table.ts';

/** CSV files: candles by their header, everything else through a mapping. */
export const csvSource: FileSource = {
  name: 'csv',
  async open(ports: FilePorts): Promise<SourceReader> {
    const files = new SourceFiles(ports.path, ['.csv', '.tsv', '.txt']);
    const open = (path: string): MappedTable & { close(): void } => {
      const { table, opened } = csvTable(path, basename(path), ports.mapping?.csv);
      return { ...table, close: () => opened.window.close() };
    };
    const mapping = ports.mapping ?? candlesOf(files.only, open, ports);
    const { catalog, options, notes } = ports;
    const tables = await fileTables({ mapping, files, connectionPorts: ports, open });
    try {
      return mappedReader({ mapping, tables, catalog, options, notes });
    } catch (error) {
      tables.close();
      throw error;
    }
  },
};

function candlesOf(path: string, open: (path: string) => MappedTable & { close(): void }, { options }: FilePorts) {
  const table = open(path);
  try {
    return mappingOfCandles(path, table, options.timezone);
  } finally {
    table.close();
  }
}
