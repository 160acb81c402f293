import { chmodSync, chownSync, closeSync, fsyncSync, openSync, rmSync, type Stats } from 'node:fs';
import { TradedbError } from '../../error.ts';
import { type Connection, openReadWrite } from '../../sqlite/connection.ts';
import type { ConnectionSettings } from '../../sqlite/connection-settings.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { type AutoVacuum, autoVacuumName } from '../space.ts';

/** A compact copy with VACUUM INTO, and the proof that it holds what the source holds. */

export interface CopyRequest {
  readonly target: string;
  readonly convertTo?: 'incremental' | 'full';
  readonly verify: 'quick' | 'full';
}

/** What a copy has to agree with. */
export interface SourceFacts {
  readonly schema: string;
  readonly rows: ReadonlyMap<string, number>;
  readonly pageSize: number;
  readonly userVersion: number;
  readonly applicationId: number;
  readonly autoVacuum: AutoVacuum;
  readonly journalMode: string;
}

/** Reads what `verifyCopy` compares. The source must not change between this and the copy. */
export function sourceFacts(source: Connection): SourceFacts {
  const number = (name: string): number => Number(source.pragmaValue(name) ?? 0);
  return {
    schema: schemaText(source),
    rows: rowCounts(source),
    pageSize: number('page_size'),
    userVersion: number('user_version'),
    applicationId: number('application_id'),
    autoVacuum: autoVacuumName(number('auto_vacuum')),
    journalMode: String(source.pragmaValue('journal_mode')),
  };
}

/** Writes the copy. A pending auto_vacuum of the connection is written into it, even from a read-only one. */
export function writeCopy(source: Connection, request: CopyRequest): void {
  if (request.convertTo !== undefined) source.pragma(`auto_vacuum = ${request.convertTo}`);
  rmSync(request.target, { force: true });
  source.prepare('VACUUM INTO ?').run([request.target]);
}

/** Compares a copy with its source, gives it the source's journal mode, and makes it durable. */
export function verifyCopy(facts: SourceFacts, request: CopyRequest, settings: ConnectionSettings): void {
  const copy = openReadWrite(request.target, { ...normalProfile, foreignKeys: false }, settings);
  try {
    const number = (name: string): number => Number(copy.pragmaValue(name) ?? 0);
    const wantedAutoVacuum = request.convertTo ?? facts.autoVacuum;
    same('auto_vacuum', autoVacuumName(number('auto_vacuum')), wantedAutoVacuum);
    same('page size', number('page_size'), facts.pageSize);
    same('user_version', number('user_version'), facts.userVersion);
    same('application_id', number('application_id'), facts.applicationId);
    same('schema', schemaText(copy), facts.schema);
    const rows = rowCounts(copy);
    for (const [table, count] of facts.rows) same(`row count of ${table}`, rows.get(table) ?? -1, count);
    const check = request.verify === 'full' ? 'integrity_check' : 'quick_check';
    same(check, String(copy.pragmaValue(`${check}(1)`)), 'ok');
    if (facts.journalMode === 'wal') same('journal mode', String(copy.pragmaValue('journal_mode = WAL')), 'wal');
  } finally {
    copy.close();
  }
  const file = openSync(request.target, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Gives the copy the mode and, where this user may, the owner of the old file. */
export function takeOwnership(target: string, old: Stats): void {
  chmodSync(target, old.mode & 0o7777);
  try {
    chownSync(target, old.uid, old.gid);
  } catch (error) {
    throw new TradedbError(
      'permission_denied',
      `the new file cannot be given the owner of the old one (${old.uid}:${old.gid})`,
      {
        hint: 'run this as the owner of the database',
        cause: error,
      },
    );
  }
}

function same(what: string, found: unknown, wanted: unknown): void {
  if (found === wanted) return;
  const show = (value: unknown): string => (what === 'schema' ? 'different' : String(value));
  throw new TradedbError(
    'checksum_mismatch',
    `the compact copy failed its verification: ${what} is ${show(found)}, expected ${what === 'schema' ? 'equal' : show(wanted)}`,
    { hint: 'the database itself was not touched; check it with: tradedb health check --full' },
  );
}

function schemaText(connection: Connection): string {
  const rows = connection.all<{ type: string; name: string; tbl_name: string; sql: string | null }>(
    'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name, tbl_name',
  );
  return JSON.stringify(rows.map((row) => [row.type, row.name, row.tbl_name, row.sql]));
}

/** Rows per ordinary table; virtual tables keep theirs in ordinary ones. */
function rowCounts(connection: Connection): Map<string, number> {
  const tables = connection.all<{ name: string }>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name",
  );
  return new Map(
    tables.map(({ name }) => [name, Number(connection.value(`SELECT count(*) FROM ${quoteIdentifier(name)}`))]),
  );
}
