import { candlesOf, fileTables } from '../file/file-tables.ts';
import { SourceFiles } from '../file/source-files.ts';
import { mappedReader } from '../mapped/reader.ts';
import type { FilePorts, FileSource, SourceReader } from '../source.ts';

/** Parquet files: candles by their columns, everything else through a mapping. The library is loaded only here. */
export const parquetSource: FileSource = {
  name: 'parquet',
  async open(ports: FilePorts): Promise<SourceReader> {
    const { catalog, options, notes } = ports;
    const files = new SourceFiles(ports.path, ['.parquet', '.pq']);
    const { parquetTable } = await import('./table.ts');
    const mapping = ports.mapping ?? (await candlesOf(files.only, await parquetTable(files.only), options));
    const tables = await fileTables({ mapping, files, connectionPorts: ports, open: parquetTable, isAsync: true });
    try {
      return mappedReader({ mapping, tables, catalog, options, notes });
    } catch (error) {
      tables.close();
      throw error;
    }
  },
};
