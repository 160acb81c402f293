import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TradedbError } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import { referenceMigrationsFolder } from './migrations-folder.ts';

/** One file of the reference schema, split at its markers. */
export interface ReferenceMigration {
  readonly version: string;
  readonly name: string;
  readonly file: string;
  readonly up: string;
  readonly down: string;
}

const upMarker = '\n-- migrate:up\n';
const downMarker = '\n-- migrate:down\n';

/** The files of the reference schema in the order in which they apply. */
export function referenceMigrations(): readonly ReferenceMigration[] {
  return readdirSync(referenceMigrationsFolder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map(readMigration);
}

function readMigration(file: string): ReferenceMigration {
  const text = readFileSync(join(referenceMigrationsFolder, file), 'utf8').replaceAll('\r\n', '\n');
  const up = text.indexOf(upMarker);
  const down = text.indexOf(downMarker);
  const name = /^(\d+)_(.+)\.sql$/.exec(file);
  if (up < 0 || down < up || name === null) {
    throw new TradedbError('migration_invalid', `${file} of the reference schema lacks a version or a marker`);
  }
  return {
    version: name[1] ?? '',
    name: name[2] ?? '',
    file,
    up: text.slice(up + upMarker.length, down),
    down: text.slice(down + downMarker.length),
  };
}

/**
 * Creates the reference schema without a migration history, for databases that live no longer than the process: tests,
 * scratch copies. A database that stays is made by `tradedb init`, which records each file as applied.
 */
export function applyReferenceSchema(connection: Connection): void {
  connection.tx(() => {
    for (const migration of referenceMigrations()) connection.exec(migration.up);
  });
}

/** Takes everything away that `applyReferenceSchema` made, rows included. */
export function removeReferenceSchema(connection: Connection): void {
  connection.tx(() => {
    for (const migration of referenceMigrations().toReversed()) connection.exec(migration.down);
  });
}

const marks = ['orders', 'order_events', 'fills', 'positions', 'journal', 'postings', 'balances', 'audit_log'];

/** True when the tables that the order store and the rules need are there. */
export function hasReferenceSchema(connection: Connection): boolean {
  const found = connection.value(
    `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN (${marks.map(() => '?').join(', ')})`,
    marks,
  );
  return found === marks.length;
}
