import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../context.ts';
import { fromFileSystem, TradedbError } from '../error.ts';
import { quoteIdentifier } from '../sqlite/quote-identifier.ts';
import { compareVersions } from './version.ts';

export type TemplateKind = 'sql' | 'table' | 'data' | 'js' | 'ts';

export interface NewFile {
  readonly kind: TemplateKind;
  /** Words for people; becomes a part of the file name. */
  readonly name: string;
  /** Table that the template is about. */
  readonly table?: string;
  /** Its definition as it is now; undefined for a table that is still to be made. */
  readonly present?: string;
}

export interface PlannedFile {
  readonly version: string;
  readonly file: string;
  readonly path: string;
  readonly text: string;
}

/** Name and text of a new migration: version from the clock in UTC, behind every version that the folder has. */
export function planNewFile(directory: string, wanted: NewFile, context: OperationContext): PlannedFile {
  const slug = wanted.name
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
  if (slug === '') {
    throw new TradedbError('usage', `${JSON.stringify(wanted.name)} holds no letter for a file name`, {
      hint: 'name it like add_fee_to_trades',
    });
  }
  const version = freshVersion(directory, context.clock.wallTime());
  const file = `${version}_${slug}.${extensions[wanted.kind]}`;
  return { version, file, path: join(directory, file), text: templates[wanted.kind](wanted) };
}

/** Writes the file; never over another one. */
export function writeNewFile(planned: PlannedFile, directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    const descriptor = openSync(planned.path, 'wx', 0o644);
    try {
      writeSync(descriptor, planned.text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw fromFileSystem(error, planned.path);
  }
}

/** The present time in UTC as a version, behind every version that the folder has. */
export function freshVersion(directory: string, now: number): string {
  const version = new Date(now).toISOString().slice(0, 19).replace(/\D/g, '');
  const newest = existingVersions(directory).sort(compareVersions).at(-1);
  // Two files in one second, or a file with a version in the future.
  return newest !== undefined && compareVersions(newest, version) >= 0 ? String(BigInt(newest) + 1n) : version;
}

function existingVersions(directory: string): string[] {
  try {
    return readdirSync(directory).flatMap((name) => /^\d+/.exec(name)?.[0] ?? []);
  } catch {
    return [];
  }
}

/** The value of a marker option ends at a space. */
function dataName(table: string): string {
  return /^[\w$]+$/.test(table) ? table : `"${table}"`;
}

const extensions: Readonly<Record<TemplateKind, string>> = {
  sql: 'sql',
  table: 'sql',
  data: 'sql',
  js: 'mjs',
  ts: 'ts',
};

const templates: Readonly<Record<TemplateKind, (wanted: NewFile) => string>> = {
  sql: ({ name }) => `-- ${name}

-- migrate:up

-- migrate:down
`,
  table: ({ name, table = 'new_table', present }) =>
    present === undefined
      ? `-- ${name}

-- migrate:up
CREATE TABLE ${quoteIdentifier(table)} (
  id INTEGER PRIMARY KEY
) STRICT;

-- migrate:down
DROP TABLE ${quoteIdentifier(table)};
`
      : `-- ${name}

-- migrate:up
-- The table as it shall be; ALTER TABLE is used where it is enough, otherwise the table is rebuilt.
-- Columns with a new name: rename=old:new; values for the rows that are there: fill="column:expression".
-- migrate:table
${present};

-- migrate:down
-- migrate:table
${present};
`,
  data: ({ name, table = 'table_name' }) => `-- ${name}

-- migrate:up
-- One transaction per batch, resumed where it stopped; a data step stands alone in its file.
-- migrate:data table=${dataName(table)} key=rowid batch=5000
UPDATE ${quoteIdentifier(table)} SET column_name = 0
  WHERE column_name IS NULL AND rowid > @after AND rowid <= @upto;

-- migrate:verify
SELECT rowid FROM ${quoteIdentifier(table)} WHERE column_name IS NULL;

-- migrate:down
SELECT 1;
`,
  js: ({ name }) => `// ${name}

/**
 * @param {import('knex').Knex} knex
 */
export async function up(knex) {}

/**
 * @param {import('knex').Knex} knex
 */
export async function down(knex) {}
`,
  ts: ({ name }) => `// ${name}
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {}

export async function down(knex: Knex): Promise<void> {}
`,
};
