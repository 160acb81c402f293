import { isTrivia, tokenize } from '../../schema/sql-lexer.ts';
import { invalid } from '../invalid.ts';
import type { MigrationOptions, ReplacedVersions, Section, VerifySection } from '../migration.ts';
import { readStatements } from '../statement.ts';
import { defaultOptions, type Marker, type MarkerKind, parseMarker } from './marker.ts';
import { type FoundComment, findComments } from './markers-in-text.ts';

export interface Sections {
  readonly up: Section;
  readonly down?: Section;
  readonly verify?: VerifySection;
}

interface FoundMarker extends Marker {
  readonly comment: FoundComment;
}

const anyMarker = /^\s*--\s*migrate:/m;

function findMarkers(text: string, file: string): FoundMarker[] {
  return findComments(text, anyMarker).flatMap((comment) => {
    const marker = parseMarker(comment.text, `${file}:${comment.line}`);
    return marker === undefined ? [] : [{ ...marker, comment }];
  });
}

/**
 * Reads a file with `-- migrate:up`, `-- migrate:down` and `-- migrate:verify`. A file without any marker is one up
 * section. Throws `migration_invalid` with file and line.
 */
export function parseNative(text: string, file: string): Sections {
  const markers = findMarkers(text, file);
  if (markers.length === 0) return { up: parsePlain(text, file) };
  requireNothingBefore(text.slice(0, markers[0]?.comment.start), file);
  const byKind = new Map<MarkerKind, FoundMarker & { section: Section }>();
  for (const [index, marker] of markers.entries()) {
    const { comment } = marker;
    if (byKind.has(marker.kind))
      throw invalid(`${file}:${comment.line}: migrate:${marker.kind} stands twice`, 'keep one marker of each kind');
    const body = text.slice(comment.end, markers[index + 1]?.comment.start).replace(/^\n/, '');
    byKind.set(marker.kind, { ...marker, section: sectionBelow(marker, body, file) });
  }
  const up = byKind.get('up');
  if (up === undefined) throw invalid(`${file} has no "-- migrate:up"`, 'put the marker above the statements');
  const down = byKind.get('down');
  const verify = byKind.get('verify');
  if (down !== undefined && up.options.irreversible) {
    throw invalid(
      `${file}:${down.comment.line}: an irreversible migration has no down section`,
      'remove one of the two',
    );
  }
  return {
    up: requireStatements(up.section, file),
    ...(down === undefined || down.section.statements.length === 0 ? {} : { down: down.section }),
    ...(verify === undefined ? {} : { verify: { ...verify.section, until: verify.until } }),
  };
}

/** What a squashed file stands for; known without parsing the statements. */
export function readReplaces(text: string, file: string): ReplacedVersions | undefined {
  if (!text.includes('replaces')) return undefined;
  return findMarkers(text, file).find((marker) => marker.kind === 'up')?.options.replaces;
}

/** A text without markers as one section; one half of a pair of files is read this way. */
export function parsePlain(text: string, file: string): Section {
  const marker = findMarkers(text, file)[0];
  if (marker !== undefined)
    throw invalid(
      `${file}:${marker.comment.line}: a file of a pair has no markers`,
      'remove the marker, or put both directions into one file',
    );
  return requireStatements(makeSection(text, { line: 1, file, options: defaultOptions }), file);
}

/** Reads back what `storedText` has written into the history. */
export function parseStored(text: string, kind: 'up' | 'down', where: string): Section {
  const marker = findMarkers(text, where)[0];
  if (marker === undefined) return makeSection(text, { line: 1, file: where, options: defaultOptions });
  if (marker.kind !== kind) throw invalid(`${where} starts with migrate:${marker.kind}`, `expected migrate:${kind}`);
  return sectionBelow(marker, text.slice(marker.comment.end).replace(/^\n/, ''), where);
}

function sectionBelow(marker: FoundMarker, text: string, file: string): Section {
  const section = makeSection(text, { line: marker.comment.line + 1, file, options: marker.options });
  return { ...section, marker: marker.comment.text };
}

export function makeSection(text: string, at: { line: number; file: string; options: MigrationOptions }): Section {
  return { marker: '', text, line: at.line, options: at.options, statements: readStatements(text, at.line, at.file) };
}

export function requireStatements(found: Section, file: string): Section {
  if (found.statements.length > 0) return found;
  throw invalid(`${file} has no statement to run`, 'write the change, or delete the file');
}

export function requireNothingBefore(text: string, file: string): void {
  let line = 1;
  for (const token of tokenize(text)) {
    if (!isTrivia(token))
      throw invalid(`${file}:${line}: a statement stands before the first marker`, 'move it below the marker');
    line += token.text.split('\n').length - 1;
  }
}
