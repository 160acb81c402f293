import { statSync } from 'node:fs';
import type { Connection } from '../../sqlite/connection.ts';

/** What the file itself holds: the same for every program that opens it. */
export interface FileFacts {
  readonly path: string;
  readonly fileBytes: number;
  readonly pageBytes: number;
  readonly freelistBytes: number;
  readonly walBytes: number;
  readonly encoding: string;
  readonly journalMode: string;
  readonly autoVacuum: 'none' | 'full' | 'incremental';
  readonly userVersion: number;
  readonly applicationId: number;
  readonly schemaVersion: number;
  readonly tables: number;
  readonly indexes: number;
  readonly views: number;
  readonly triggers: number;
  readonly virtualTables: number;
  /** Foreign keys that are declared; whether they are enforced is up to each connection. */
  readonly foreignKeys: number;
  readonly hasStatistics: boolean;
  readonly hasHistograms: boolean;
}

const autoVacuumNames = ['none', 'full', 'incremental'] as const;

export function readFileFacts(connection: Connection): FileFacts {
  const number = (name: string): number => Number(connection.pragmaValue(name) ?? 0);
  const count = (sql: string): number => Number(connection.value(sql) ?? 0);
  const ofType = (type: string): number => count(`SELECT count(*) FROM sqlite_schema WHERE type = '${type}'`);
  const virtualTables = count("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage = 0");
  const pageBytes = number('page_size');
  return {
    path: connection.path,
    fileBytes: number('page_count') * pageBytes,
    pageBytes,
    freelistBytes: number('freelist_count') * pageBytes,
    walBytes: statSync(`${connection.path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    encoding: String(connection.pragmaValue('encoding')),
    journalMode: String(connection.pragmaValue('journal_mode')),
    autoVacuum: autoVacuumNames[number('auto_vacuum')] ?? 'none',
    userVersion: number('user_version'),
    applicationId: number('application_id'),
    schemaVersion: number('schema_version'),
    tables: ofType('table') - virtualTables,
    indexes: ofType('index'),
    views: ofType('view'),
    triggers: ofType('trigger'),
    virtualTables,
    foreignKeys: count(
      `SELECT count(*) FROM (SELECT DISTINCT t.name, f.id FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f
        WHERE t.schema = 'main' AND t.type = 'table')`,
    ),
    hasStatistics: hasTable(connection, 'sqlite_stat1'),
    hasHistograms: hasTable(connection, 'sqlite_stat4'),
  };
}

export function hasTable(connection: Connection, name: string): boolean {
  return connection.get("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", [name]) !== undefined;
}
