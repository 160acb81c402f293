import type { Finding } from '../../report.ts';
import { hasWalResetBug, versionNumberOf, walResetFixedIn } from '../../sqlite/wal-reset-bug.ts';
import type { FileFacts } from './file-facts.ts';

/** The program that uses the database, as its capture file or workload file describes it. */
export interface EngineFacts {
  readonly name: string;
  readonly sqliteVersion: string;
  readonly stat4: boolean;
  /** Connection settings by pragma name, as text. */
  readonly pragmas: Readonly<Record<string, string>>;
}

/**
 * Advice about the settings of a connection. Every ratio was measured (write throughput of the trading mix against the
 * defaults, or CPU of reads); what made no difference (cache_size, temp_store) gets no advice.
 */
export function engineAdvice(engine: EngineFacts, file: FileFacts): Finding[] {
  const number = (name: string): number | undefined => {
    const text = engine.pragmas[name];
    return text === undefined || text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text);
  };
  return [...safetyAdvice(engine, file, number), ...throughputAdvice(engine, file, number)];
}

type Lookup = (name: string) => number | undefined;

function safetyAdvice(engine: EngineFacts, file: FileFacts, number: Lookup): Finding[] {
  const findings: Finding[] = [];
  const add = (id: string, message: string, hint: string): void => {
    findings.push({ id, severity: 'warning', subject: engine.name, message, hint });
  };
  if (file.journalMode === 'wal' && hasWalResetBug(versionNumberOf(engine.sqliteVersion))) {
    add(
      'settings.wal-reset',
      `SQLite ${engine.sqliteVersion} can lose commits in WAL mode when several connections write or checkpoint`,
      `use SQLite ${walResetFixedIn} in every program that opens this file`,
    );
  }
  if (number('foreign_keys') === 0 && file.foreignKeys > 0) {
    add(
      'settings.foreign-keys-off',
      `foreign_keys is off: none of the ${file.foreignKeys} declared foreign keys is enforced by this engine`,
      'PRAGMA foreign_keys = ON on each connection',
    );
  }
  if (number('busy_timeout') === 0) {
    add(
      'settings.busy-timeout',
      'busy_timeout is 0: a statement fails at once while another connection holds the lock',
      'PRAGMA busy_timeout = 5000',
    );
  }
  if (number('synchronous') === 0) {
    add(
      'settings.synchronous-off',
      'synchronous is OFF: a power loss can damage the file',
      'PRAGMA synchronous = NORMAL (WAL mode) or FULL',
    );
  }
  return findings;
}

function throughputAdvice(engine: EngineFacts, file: FileFacts, number: Lookup): Finding[] {
  const findings: Finding[] = [];
  const add = (id: string, message: string, hint: string): void => {
    findings.push({ id, severity: 'info', subject: engine.name, message, hint });
  };
  const checkpoint = number('wal_autocheckpoint');
  if (file.journalMode === 'wal' && checkpoint !== undefined && checkpoint > 0 && checkpoint <= 1000) {
    add(
      'settings.wal-autocheckpoint',
      `wal_autocheckpoint ${checkpoint}; 10000 gave 1.47x the write throughput of 1000 in our measurements, 100 gave 0.61x`,
      'PRAGMA wal_autocheckpoint = 10000 (the -wal file grows to about 40 MB)',
    );
  }
  if (number('mmap_size') === 0) {
    add(
      'settings.mmap',
      'mmap_size 0; reads took 0.91x the CPU with memory-mapped reading in our measurements',
      'PRAGMA mmap_size = 268435456',
    );
  }
  return findings;
}
