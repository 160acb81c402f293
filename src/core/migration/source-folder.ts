import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromFileSystem, TradedbError } from '../error.ts';
import { invalid } from './format/marker.ts';
import { parseNative } from './format/native.ts';
import type { MigrationFile, MigrationSource } from './migration.ts';
import { decodeMigration } from './migration-text.ts';
import { compareVersions } from './version.ts';

const fileForm = /^(\d+)(?:[_-](.*))?\.sql$/;
const programForm = /^\d.*\.(?:js|cjs|mjs|ts)$/;

/** The migration files of a folder. Sub-folders and other kinds of files are not read; an .sql file needs a version. */
export function folderSource(directory: string): MigrationSource {
  return { directory, list: () => readFolder(directory) };
}

function readFolder(directory: string): MigrationFile[] {
  const files: MigrationFile[] = [];
  for (const file of fileNames(directory)) {
    if (programForm.test(file))
      throw invalid(`${JSON.stringify(file)} is a program, not SQL`, 'write the change as an .sql file');
    const match = fileForm.exec(file);
    if (match === null) {
      throw invalid(
        `${JSON.stringify(file)} in the migrations folder has no version`,
        'name it like 20260301093000_add_fee.sql, or move it elsewhere',
      );
    }
    files.push(readFile(directory, file, match[1] as string, match[2] ?? ''));
  }
  return files.sort((left, right) => compareVersions(left.version, right.version) || (left.file < right.file ? -1 : 1));
}

function fileNames(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .filter((name) => name.endsWith('.sql') || programForm.test(name));
  } catch (error) {
    const translated = fromFileSystem(error, directory);
    if (translated instanceof TradedbError && translated.code === 'file_not_found') {
      throw new TradedbError('file_not_found', `migrations folder ${JSON.stringify(directory)} does not exist`, {
        hint: 'make the first file with: tradedb migrate create <name>, or name the folder with --dir',
        cause: error,
      });
    }
    throw translated;
  }
}

function readFile(directory: string, file: string, version: string, name: string): MigrationFile {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(join(directory, file));
  } catch (error) {
    throw fromFileSystem(error, join(directory, file));
  }
  const { text, sha256 } = decodeMigration(bytes, file);
  const head = { version, name, file, kind: 'sql', sha256 } as const;
  return { ...head, load: () => ({ ...head, ...parseNative(text, file) }) };
}
