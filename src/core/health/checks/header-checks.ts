import { formatByteSize } from '../../config/byte-size.ts';
import type { Finding } from '../../report.ts';
import { hasWalResetBug, versionTextOf, walResetFixedIn } from '../../sqlite/wal-reset-bug.ts';
import { finding, type HealthCheck } from '../check.ts';
import { PageSource } from '../page-source.ts';
import { readSchema, readTable, type SchemaEntry } from '../schema-pages.ts';
import { judge } from '../threshold.ts';

const noHeader = { summary: 'the header cannot be read', skipped: 'the header cannot be read' };

/** Below this a large share of free pages is nothing to act on. */
const smallFreeBytes = 16 * 1024 * 1024;

export const freelistShare: HealthCheck = {
  id: 'freelist.share',
  sentence: 'the file is not mostly free pages',
  cost: 'cheap',
  run({ target, thresholds }) {
    const { header, pageCount, pageSize } = target;
    if (header === undefined || pageCount === 0) return noHeader;
    const share = header.freelistPages / pageCount;
    const freeBytes = header.freelistPages * pageSize;
    const summary = `${(share * 100).toFixed(1)} % free (${formatByteSize(freeBytes)})`;
    const severity = freeBytes < smallFreeBytes ? 'ok' : judge(share, thresholds['freelist.share']);
    const base = { summary, value: share, unit: 'share' } as const;
    if (severity === 'ok') return base;
    const message = `${formatByteSize(freeBytes)} of the file are free pages`;
    const values = { freePages: header.freelistPages, share };
    return { ...base, findings: [finding('freelist.share', severity, message, { hint: 'tradedb vacuum', values })] };
  },
};

export const settings: HealthCheck = {
  id: 'settings',
  sentence: 'the settings in the file suit a database that several processes use',
  cost: 'cheap',
  run({ target }) {
    const { header } = target;
    if (header === undefined) return noHeader;
    const wal = header.readVersion === 2;
    const vacuum = header.largestRootPage === 0 ? 'none' : header.incrementalVacuum ? 'incremental' : 'full';
    const findings: Finding[] = [];
    const note = (severity: Finding['severity'], message: string, hint: string): void => {
      findings.push(finding('settings', severity, message, { hint }));
    };
    if (!wal) note('info', 'rollback journal: readers and the writer wait for each other', 'PRAGMA journal_mode = WAL');
    if (vacuum === 'full') note('info', 'auto_vacuum = full moves pages at every commit', 'use incremental or none');
    if (target.pageSize < 4096)
      note('info', `pages of ${target.pageSize} bytes cost depth and speed`, 'page_size = 4096');
    const connected = target.holders?.length ?? 0;
    if (wal && hasWalResetBug(header.sqliteVersionNumber)) {
      const severity = connected > 1 ? 'warning' : 'info';
      const message = `last written by SQLite ${versionTextOf(header.sqliteVersionNumber)}, which can lose commits when two connections write or checkpoint`;
      note(severity, message, `update it to ${walResetFixedIn}`);
    }
    const summary = `${wal ? 'WAL' : 'rollback journal'}, pages of ${target.pageSize} bytes, auto_vacuum ${vacuum}`;
    return { summary, findings };
  },
};

export const statistics: HealthCheck = {
  id: 'statistics',
  sentence: 'the query planner has statistics for the indexes of a database that is not small',
  cost: 'cheap',
  run({ target }) {
    if (target.header === undefined) return noHeader;
    const source = new PageSource(target);
    const { entries, complete } = readSchema(source, target.usableSize);
    if (!complete) return { summary: 'the schema cannot be read', unknown: 'the schema cannot be read' };
    // Indexes of UNIQUE and PRIMARY KEY have no SQL of their own: there is nothing to choose between with one alone.
    const indexed = new Set(
      entries.filter(({ type, sql }) => type === 'index' && sql !== '').map(({ table }) => table),
    );
    if (indexed.size === 0) return { summary: 'no index to choose' };
    const known = tablesWithStatistics(source, entries, target.usableSize);
    const missing = [...indexed].filter((table) => !known.has(table));
    if (missing.length === 0) return { summary: `statistics for ${indexed.size} indexed tables` };
    const message = `no statistics for ${missing.length} of ${indexed.size} indexed tables`;
    const subject = missing.slice(0, 5).join(', ');
    // Plans can be good without: this is advice, not an alarm.
    const findings = [finding('statistics', 'info', message, { subject, hint: 'tradedb vacuum optimize' })];
    return { summary: message, findings };
  },
};

function tablesWithStatistics(source: PageSource, entries: readonly SchemaEntry[], usableSize: number): Set<string> {
  const root = entries.find(({ name }) => name === 'sqlite_stat1')?.rootPage;
  if (root === undefined) return new Set();
  const names = readTable(source, root, usableSize).rows.map(([table]) => table);
  return new Set(names.filter((name) => typeof name === 'string'));
}
