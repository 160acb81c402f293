import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { MigrationSource } from '../../src/core/migration/migration.ts';
import { openForMigration } from '../../src/core/migration/open.ts';
import { folderSource } from '../../src/core/migration/source-folder.ts';
import type { Connection } from '../../src/core/sqlite/connection.ts';
import { testContext } from './context.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface MigrationFixture {
  readonly folder: string;
  readonly directory: string;
  readonly path: string;
  readonly source: MigrationSource;
  write(file: string, text: string | Uint8Array): void;
  /** A connection of its own; closed with the test. */
  open(): Promise<Connection>;
}

/** A folder with migration files and a place for a database. */
export function migrationFixture(files: Readonly<Record<string, string>> = {}): MigrationFixture {
  const folder = temporaryFolder();
  const directory = join(folder, "my 'migrations' %20");
  mkdirSync(directory);
  const write = (file: string, text: string | Uint8Array): void => writeFileSync(join(directory, file), text);
  for (const [file, text] of Object.entries(files)) write(file, text);
  const path = join(folder, 'data.db');
  return {
    folder,
    directory,
    path,
    source: folderSource(directory),
    write,
    open: async () => {
      const connection = await openForMigration(path, { create: true, lockTimeoutMs: 5000 }, testContext());
      onTestFinished(() => {
        if (connection.isOpen) connection.close();
      });
      return connection;
    },
  };
}

/** Settings that every run needs. */
export const runSettings = { tool: 'test', lockTimeoutMs: 2000 };
