import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { fromFileSystem, TradedbError } from '../error.ts';
import { tokenize } from '../schema/sql-lexer.ts';
import { type FileName, parseFileName } from './format/file-name.ts';
import { isGoose, parseGoose } from './format/goose.ts';
import { parseNative, parsePlain, readReplaces, type Sections } from './format/native.ts';
import { invalid } from './invalid.ts';
import type { Migration, MigrationFile, MigrationKind, MigrationSource } from './migration.ts';
import { acceptText, decodeMigration, type MigrationText } from './migration-text.ts';
import { programSections } from './program.ts';
import { compareVersions, versionKey } from './version.ts';

const programForm = /^(\d+)(?:[_-](.*))?\.(?:js|cjs|mjs|ts|mts|cts)$/;
const declarationForm = /\.d\.[cm]?ts$/;

interface ReadFile extends FileName, MigrationText {
  readonly file: string;
  readonly path: string;
}

/** The migration files of a folder. Sub-folders and other kinds of files are not read; an .sql file needs a version. */
export function folderSource(directory: string): MigrationSource {
  return { directory, list: () => readFolder(directory) };
}

function readFolder(directory: string): MigrationFile[] {
  return pairUp(
    fileNames(directory).map((file) => {
      const path = join(directory, file);
      return { ...nameOf(file), ...readText(path, file), file, path };
    }),
  );
}

/** The same from contents that lie elsewhere, such as an older state of the folder in version control. */
export function migrationsFrom(
  entries: readonly { readonly file: string; readonly bytes: Uint8Array }[],
): MigrationFile[] {
  return pairUp(
    entries.filter(({ file }) => isMigrationName(file)).map(({ file, bytes }) => decodeFile(file, file, bytes)),
  );
}

function pairUp(files: readonly ReadFile[]): MigrationFile[] {
  const downs = files.filter((file) => file.role === 'down');
  const paired = new Set<string>();
  const migrations = files
    .filter((file) => file.role !== 'down')
    .map((file) => {
      const down = file.role === 'up' ? downs.find((one) => belongs(one, file)) : undefined;
      if (down !== undefined) paired.add(down.file);
      return toMigration(file, down);
    });
  const lonely = downs.find((down) => !paired.has(down.file));
  if (lonely !== undefined)
    throw invalid(`${lonely.file} has no file for the way up`, 'bring the other half, or remove this one');
  return migrations.sort(
    (left, right) => compareVersions(left.version, right.version) || (left.file < right.file ? -1 : 1),
  );
}

/** Both halves of a pair have one version, and without Flyway's prefix one name too. */
function belongs(down: ReadFile, up: ReadFile): boolean {
  if (down.flyway !== up.flyway || versionKey(down.version) !== versionKey(up.version)) return false;
  return down.flyway || down.name === up.name;
}

function fileNames(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name)
      .filter(isMigrationName);
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

function isMigrationName(name: string): boolean {
  if (name.startsWith('.')) return false;
  return name.endsWith('.sql') || (programForm.test(name) && !declarationForm.test(name));
}

/** Reading as text is twice as fast as reading bytes; only where a replacement character shows up, they are looked at. */
function readText(path: string, file: string): MigrationText {
  try {
    const text = readFileSync(path, 'utf8');
    return text.includes('\ufffd') ? decodeMigration(readFileSync(path), file) : acceptText(text, file);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

function decodeFile(path: string, file: string, bytes: Uint8Array): ReadFile {
  return { ...nameOf(file), ...decodeMigration(bytes, file), file, path };
}

function nameOf(file: string): FileName {
  const name = parseFileName(file) ?? programName(file);
  if (name === undefined) {
    throw invalid(
      `${JSON.stringify(file)} in the migrations folder has no version`,
      'name it like 20260301093000_add_fee.sql, or move it elsewhere',
    );
  }
  return name;
}

function programName(file: string): FileName | undefined {
  const match = programForm.exec(file);
  return match === null
    ? undefined
    : { role: 'program', version: match[1] as string, name: match[2] ?? '', flyway: false };
}

const kinds: Readonly<Record<FileName['role'], MigrationKind>> = {
  whole: 'sql',
  up: 'sql',
  down: 'sql',
  repeatable: 'repeatable',
  program: 'module',
};

function toMigration(file: ReadFile, down: ReadFile | undefined): MigrationFile {
  const kind = kinds[file.role];
  // Both halves of a pair count as one file.
  const sha256 = down === undefined ? file.sha256 : hash('sha256', `${file.sha256}${down.sha256}`, 'hex');
  const replaces = kind === 'sql' ? readReplaces(file.text, file.file) : undefined;
  const head = {
    version: file.version,
    name: file.name,
    file: file.file,
    kind,
    sha256,
    ...(replaces === undefined ? {} : { replaces }),
  };
  // The safety backup and the run both look at the statements: they are read once.
  let loaded: Migration | undefined;
  return {
    ...head,
    flywayChecksum: () => crc32(file.text.replaceAll('\n', '')) | 0,
    load: () => {
      loaded ??= { ...head, ...parse(file, down) };
      return loaded;
    },
  };
}

function parse(file: ReadFile, down: ReadFile | undefined): Sections {
  if (file.role === 'program') return programSections(resolve(file.path));
  for (const one of [file, down]) if (one?.flyway === true) refusePlaceholders(one);
  if (file.role === 'whole' || (file.flyway && down === undefined)) {
    return isGoose(file.text) ? parseGoose(file.text, file.file) : parseNative(file.text, file.file);
  }
  const up = parsePlain(file.text, file.file);
  return down === undefined ? { up } : { up, down: parsePlain(down.text, down.file) };
}

/** Flyway would put values in; SQLite would take them for variables. */
function refusePlaceholders({ text, file }: ReadFile): void {
  const token = tokenize(text).find(
    (one) => (one.kind === 'illegal' || one.kind === 'variable') && text.startsWith('${', one.start),
  );
  if (token === undefined) return;
  const line = text.slice(0, token.start).split('\n').length;
  throw invalid(`${file}:${line}: placeholders are not replaced`, 'write the value itself');
}
