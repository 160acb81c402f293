import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../context.ts';
import { cloneSchema } from '../schema/clone.ts';
import { type Connection, openMemory, openReadWrite } from '../sqlite/connection.ts';
import { fullProfile } from '../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import { HistoryTable } from './history.ts';

/** A database on which migrations may be tried: nothing of it reaches the real one. */
export interface Shadow {
  readonly connection: Connection;
  /** True when it holds the rows too, so that constraint errors, row counts and times are real. */
  readonly hasRows: boolean;
  /** Objects that could not be made in it. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** Bytes in the write-ahead log of the copy; 0 without rows. */
  walBytes(): number;
  close(): void;
}

/** The schema in memory and the history; costs the same for any number of rows. */
export function schemaShadow(source: Connection | undefined, historyTable: string, context: OperationContext): Shadow {
  if (source === undefined) return memoryShadow(openMemory(context), []);
  const clone = source.read(() => {
    const made = cloneSchema(source, context);
    copyHistory(source, made.connection, historyTable);
    return made;
  });
  return memoryShadow(
    clone.connection,
    clone.skipped.map(({ object, reason }) => ({ name: object.name, reason })),
  );
}

function memoryShadow(connection: Connection, skipped: Shadow['skipped']): Shadow {
  return { connection, hasRows: false, skipped, walBytes: () => 0, close: () => connection.close() };
}

function copyHistory(source: Connection, target: Connection, table: string): void {
  if (!new HistoryTable(source, table).exists()) return;
  const name = quoteIdentifier(table);
  target.tx(() => {
    for (const row of source.iterate(`SELECT * FROM ${name}`)) {
      const columns = Object.keys(row);
      target.run(
        `INSERT INTO ${name}(${columns.map(quoteIdentifier).join(', ')}) VALUES(${columns.map(() => '?').join(', ')})`,
        Object.values(row),
      );
    }
  });
}

/** A full copy in a folder of its own below `temporaryDirectory`, which goes away with `close`. */
export function fullShadow(source: Connection, temporaryDirectory: string, context: OperationContext): Shadow {
  const folder = mkdtempSync(join(temporaryDirectory, 'tradedb-plan-'));
  try {
    const path = join(folder, 'shadow.db');
    // VACUUM INTO counts as a write for query_only; the connection itself is open for reading only.
    source.pragma('query_only = 0');
    source.run('VACUUM INTO ?', [path]);
    source.pragma('query_only = 1');
    const connection = openReadWrite(
      path,
      { ...fullProfile, foreignKeys: false, durability: 'normal' },
      { ...context, busyTimeoutMs: 0 },
    );
    connection.pragma('journal_mode = WAL');
    // Without checkpoints the log only grows, so that its growth is what a migration writes.
    connection.pragma('wal_autocheckpoint = 0');
    return {
      connection,
      hasRows: true,
      skipped: [],
      walBytes: () => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      close: () => {
        connection.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
