import { normaliseSql } from '../../schema/normalise.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { referenceMigrations } from '../reference-schema.ts';

/** Triggers that make the log append-only and are not, or no longer, what the reference schema says. */
export interface TriggerFault {
  readonly name: string;
  readonly fault: 'missing' | 'changed';
}

export function faultyTriggers(connection: Connection): TriggerFault[] {
  const found = new Map(
    connection
      .all<{ name: string; sql: string }>(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = 'audit_log'",
      )
      .map(({ name, sql }) => [name.toLowerCase(), sql]),
  );
  return expected().flatMap(([name, sql]): TriggerFault[] => {
    const there = found.get(name);
    if (there === undefined) return [{ name, fault: 'missing' }];
    return normaliseSql(there) === normaliseSql(sql) ? [] : [{ name, fault: 'changed' }];
  });
}

function expected(): (readonly [name: string, sql: string])[] {
  const up = referenceMigrations().find((migration) => migration.up.includes('CREATE TABLE audit_log'))?.up ?? '';
  return [...up.matchAll(/CREATE TRIGGER (\w+)[\s\S]*?END(?=;)/g)].map(([sql, name = '']) => [name, sql]);
}
