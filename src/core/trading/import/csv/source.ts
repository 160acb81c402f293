import { basename } from 'node:path';
import { type ClosableTable, candlesOf, fileTables } from '../file/file-tables.ts';
import { SourceFiles } from '../file/source-files.ts';
import { mappedReader } from '../mapped/reader.ts';
import type { FilePorts, FileSource, SourceReader } from '../source.ts';
import { csvTable } from './table.ts';

/** CSV files: candles by their header, everything else through a mapping. */
export const csvSource: FileSource = {
  name: 'csv',
  async open(ports: FilePorts): Promise<SourceReader> {
    const { catalog, options, notes } = ports;
    const files = new SourceFiles(ports.path, ['.csv', '.tsv', '.txt']);
    const open = (path: string): ClosableTable => {
      const { table, opened } = csvTable(path, basename(path), ports.mapping?.csv);
      return { ...table, close: () => opened.window.close() };
    };
    const mapping = ports.mapping ?? (await candlesOf(files.only, open(files.only), options));
    const tables = await fileTables({ mapping, files, connectionPorts: ports, open });
    try {
      return mappedReader({ mapping, tables, catalog, options, notes });
    } catch (error) {
      tables.close();
      throw error;
    }
  },
};
