import type { Finding } from '../../report.ts';
import type { FileFacts } from './file-facts.ts';
import type { TableStatistics } from './statistics-age.ts';

/** Write throughput against pages of 4096 bytes, measured. */
const pageSizeThroughput: Readonly<Record<number, string>> = { 8192: '0.76x', 16384: '0.63x' };

/** Advice that follows from the file alone. */
export function fileAdvice(file: FileFacts, engineKnown: boolean): Finding[] {
  const findings: Finding[] = [];
  if (file.journalMode !== 'wal') {
    findings.push({
      id: 'settings.journal-mode',
      severity: 'info',
      subject: 'journal_mode',
      message: `${file.journalMode}: readers and the writer keep each other out; in WAL mode they do not`,
      hint: 'PRAGMA journal_mode = WAL (once; the file remembers it; not on network file systems)',
    });
  }
  const throughput = pageSizeThroughput[file.pageBytes];
  if (throughput !== undefined) {
    findings.push({
      id: 'settings.page-size',
      severity: 'info',
      subject: 'page_size',
      message: `${file.pageBytes}: small writes had ${throughput} the throughput of 4096 in our measurements`,
      hint: 'PRAGMA page_size = 4096, then VACUUM (not in WAL mode)',
    });
  }
  if (file.foreignKeys > 0 && !engineKnown) {
    findings.push({
      id: 'settings.foreign-keys',
      severity: 'info',
      subject: 'foreign_keys',
      message: `${file.foreignKeys} declared; each connection has to turn their enforcement on, the file cannot`,
      hint: 'a capture file tells what your engine sets: tradedb analyze settings -w capture.jsonl',
    });
  }
  return findings;
}

/** Missing and stale statistics, each table once. */
export function statisticsAdvice(statistics: readonly TableStatistics[]): Finding[] {
  return statistics
    .filter((one) => one.ageReason !== null)
    .map((one) => ({
      id: `statistics.${one.state}`,
      severity: 'warning' as const,
      subject: one.table,
      message: one.ageReason ?? '',
      hint: 'tradedb vacuum optimize',
      values: { statRows: one.statRows ?? 0, actualRows: one.actualRows },
    }));
}
