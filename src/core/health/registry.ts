import type { Registration } from './check.ts';
import { backupAge } from './checks/backup-age.ts';
import { backupDrill, backupVerified } from './checks/backup-proof.ts';
import { databaseSize, fileAccess, fileKind, fileSize, fileSpace, fileSystem } from './checks/file-checks.ts';
import { freelistShare, settings, statistics } from './checks/header-checks.ts';
import { journalHot } from './checks/journal-hot.ts';
import { lockContention } from './checks/lock-contention.ts';
import { migrationState } from './checks/migration-state.ts';
import { pagesManifest } from './checks/pages-manifest.ts';
import { connections, walReader } from './checks/reader-checks.ts';
import { schemaDrift } from './checks/schema-drift.ts';
import { structureFreelist, structurePage } from './checks/structure-checks.ts';
import { walBacklog, walChain, walForeign, walLost } from './checks/wal-checks.ts';
import { writerVersion } from './checks/writer-version.ts';
import type { SqlJob } from './sql/sql-job.ts';

const recover = 'tradedb health recover --dry-run shows what can be brought back';
const quick = (check: Registration['check'], runbook: string): Registration => ({ check, tier: 'quick', runbook });

/** The checks that read files, in the order in which they run and are shown. */
export const fileChecks: readonly Registration[] = [
  quick(fileKind, recover),
  quick(fileSize, recover),
  quick(fileAccess, 'chmod or chown file and folder'),
  quick(fileSystem, 'move the database to a local disk'),
  quick(fileSpace, 'free disk space, or archive old rows'),
  quick(databaseSize, 'archive old rows, then vacuum'),
  quick(journalHot, 'let one writer open the database: it rolls the journal back'),
  quick(walForeign, recover),
  quick(walChain, recover),
  quick(walLost, recover),
  quick(walBacklog, 'end long readers, then tradedb vacuum checkpoint'),
  quick(walReader, 'end the read transaction of the process that is named'),
  quick(lockContention, 'end the transaction of the process that is named'),
  quick(connections, 'close command line shells on the live file'),
  quick(writerVersion, 'update the library of the process that is named'),
  quick(structurePage, recover),
  quick(structureFreelist, recover),
  quick(freelistShare, 'tradedb vacuum'),
  quick(settings, 'set the pragmas where the file is created'),
  quick(statistics, 'tradedb vacuum optimize'),
  quick(backupAge, 'tradedb backup; look at the schedule'),
  quick(backupVerified, 'tradedb backup verify; make a full backup when it fails'),
  quick(backupDrill, 'tradedb restore drill'),
  quick(migrationState, 'tradedb migrate status'),
  quick(schemaDrift, 'tradedb migrate drift'),
  { check: pagesManifest, tier: 'daily', runbook: recover },
];

/** The checks of SQLite itself. */
export const sqliteJobs: readonly SqlJob[] = [
  {
    id: 'sqlite.quick',
    tier: 'daily',
    cost: 'expensive',
    sentence: 'PRAGMA quick_check finds nothing',
    runbook: recover,
    severity: 'critical',
    source: 'built-in',
    work: { kind: 'integrity', full: false },
  },
  {
    id: 'sqlite.foreign-keys',
    tier: 'daily',
    cost: 'expensive',
    sentence: 'every foreign key has its row',
    runbook: 'find who writes without PRAGMA foreign_keys = ON',
    severity: 'critical',
    source: 'built-in',
    work: { kind: 'foreign-keys' },
  },
  {
    id: 'statistics.drift',
    tier: 'daily',
    cost: 'expensive',
    sentence: 'the statistics of the planner are near the real row counts',
    runbook: 'tradedb vacuum optimize',
    severity: 'warning',
    source: 'built-in',
    work: { kind: 'statistics' },
  },
  {
    id: 'sqlite.integrity',
    tier: 'deep',
    cost: 'expensive',
    sentence: 'PRAGMA integrity_check finds nothing: indexes and tables agree',
    runbook: recover,
    severity: 'critical',
    source: 'built-in',
    work: { kind: 'integrity', full: true },
  },
  {
    id: 'index.vote',
    tier: 'deep',
    cost: 'expensive',
    sentence: 'every index entry has its row with the same values, and every row its entries',
    runbook: recover,
    severity: 'critical',
    source: 'built-in',
    work: { kind: 'index-vote' },
  },
];
