import { formatByteSize } from '../../../core/config/byte-size.ts';
import type { Environment } from '../../../core/loadtest/environment.ts';
import { formatLatency } from '../format.ts';
import { htmlTable } from './page.ts';

/** What the figures depend on. */
export function environmentTable(environment: Environment): string {
  const [connection] = environment.connections;
  const load = (averages: readonly number[]): string => averages.map((value) => value.toFixed(2)).join(', ');
  const { fdatasyncUs } = environment;
  const rows: [string, string][] = [
    ['processor', `${environment.cpuModel}, ${environment.cores} cores`],
    ['load average', `${load(environment.loadAverageBefore)} before; ${load(environment.loadAverageAfter)} after`],
    ['kernel', environment.kernel],
    [
      'versions',
      `tradedb ${environment.tradedb}, Node ${environment.node}, SQLite ${connection?.sqliteVersion ?? '-'}`,
    ],
    [
      'file system',
      `${environment.fileSystem.type}; fdatasync p50 ${formatLatency(fdatasyncUs.p50)}, p99 ${formatLatency(fdatasyncUs.p99)}`,
    ],
  ];
  if (connection !== undefined) {
    rows.push([
      'connection',
      `synchronous ${connection.synchronous.toUpperCase()}, journal ${connection.journalMode}, autocheckpoint ${connection.walAutocheckpointPages} pages, cache ${formatByteSize(connection.cacheSizeBytes)}, mmap ${formatByteSize(connection.mmapSizeBytes)}, page ${connection.pageSizeBytes} B, foreign keys ${connection.foreignKeysEnabled ? 'on' : 'off'}`,
    ]);
  }
  return htmlTable([{ title: '' }, { title: '', wrap: true }], rows);
}
