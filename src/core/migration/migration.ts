import type { Statement } from './statement.ts';
import type { Version } from './version.ts';

export type MigrationKind = 'sql' | 'module' | 'repeatable';

export interface MigrationOptions {
  /** False: statements run outside one transaction, and the file is resumed where it stopped. */
  readonly transaction: boolean;
  /** True: foreign keys stay enforced, and deletes cascade. */
  readonly foreignKeys: boolean;
  /** Versions that must be applied before. */
  readonly requires: readonly Version[];
  /** The author says that there is no way back. */
  readonly irreversible: boolean;
  /** Lint rules that the author silences for this file, each with a reason. */
  readonly lintIgnore: readonly { readonly code: string; readonly reason: string }[];
  /** Only in a squashed file: the versions that it stands for. */
  readonly replaces?: ReplacedVersions;
}

/** A range of versions, and how many of them a database has that has all of them. */
export interface ReplacedVersions {
  readonly first: Version;
  readonly last: Version;
  /** Several when a squashed file was squashed again: a database may have that one, or what it stood for. */
  readonly counts: readonly number[];
}

/** The part of a file under one marker. */
export interface Section {
  /** The marker line as written; empty in a file without markers. */
  readonly marker: string;
  readonly text: string;
  /** Line of the file on which `text` starts. */
  readonly line: number;
  readonly options: MigrationOptions;
  readonly statements: readonly Statement[];
  /** The file that holds the work as a program instead of statements. */
  readonly program?: Program;
}

/** One direction of a JavaScript or TypeScript migration, a hook or a seed. */
export interface Program {
  /** Absolute path. */
  readonly path: string;
  readonly direction: 'up' | 'down' | 'run' | 'seed';
}

export interface VerifySection extends Section {
  /** From this version on it is no longer expected to hold. */
  readonly until: Version | undefined;
}

/** A file as the folder lists it: enough for the state; its text is parsed by `load` when it is to run. */
export interface MigrationFile {
  readonly version: Version;
  readonly name: string;
  /** File name without the folder. */
  readonly file: string;
  readonly kind: MigrationKind;
  readonly sha256: string;
  /** Only for a squashed file. */
  readonly replaces?: ReplacedVersions;
  /** The checksum that Flyway keeps: CRC32 over the lines without their ends, as a signed number. */
  flywayChecksum?(): number;
  /** Throws `migration_invalid` with file and line. */
  load(): Migration;
}

export interface Migration {
  readonly version: Version;
  readonly name: string;
  readonly file: string;
  readonly kind: MigrationKind;
  readonly sha256: string;
  readonly replaces?: ReplacedVersions;
  readonly up: Section;
  readonly down?: Section;
  /** Looks for counter-examples: no row means that the migration did what it should. */
  readonly verify?: VerifySection;
}

export interface MigrationSource {
  /** Folder for messages. */
  readonly directory: string;
  /** Sorted by version, then by file name; two files of one version are both listed. */
  list(): readonly MigrationFile[];
}

/** Text of a section as the history keeps it, read back by `parseStored`; null for a program. */
export function storedText(section: Section): string | null {
  if (section.program !== undefined) return null;
  return section.marker === '' ? section.text : `${section.marker}\n${section.text}`;
}
