import { isTrivia, type Token, tokenize } from '../../schema/sql-lexer.ts';
import type { Section, VerifySection } from '../migration.ts';
import { readStatements } from '../statement.ts';
import { defaultOptions, invalid, type Marker, type MarkerKind, parseMarker } from './marker.ts';

export interface Sections {
  readonly up: Section;
  readonly down?: Section;
  readonly verify?: VerifySection;
}

interface FoundMarker extends Marker {
  readonly comment: Pick<Token, 'text' | 'start' | 'end'>;
  readonly line: number;
}

function findInLines(text: string, file: string): FoundMarker[] {
  const found: FoundMarker[] = [];
  let start = 0;
  for (const [index, whole] of text.split('\n').entries()) {
    const comment = whole.trimStart();
    if (comment.startsWith('--')) {
      const marker = parseMarker(comment.trimEnd(), `${file}:${index + 1}`);
      const at = start + whole.length - comment.length;
      const end = start + whole.length;
      if (marker !== undefined) found.push({ ...marker, comment: { text: comment, start: at, end }, line: index + 1 });
    }
    start += whole.length + 1;
  }
  return found;
}

/** Markers are line comments at the start of a line; inside literals and block comments they mean nothing. */
function findMarkers(text: string, file: string): FoundMarker[] {
  if (!/--\s*migrate:/.test(text)) return [];
  // Without literals and block comments a line comment can only be what it looks like.
  if (!/['"`[]|\/\*/.test(text)) return findInLines(text, file);
  const found: FoundMarker[] = [];
  let line = 1;
  let lineIsEmpty = true;
  for (const token of tokenize(text)) {
    if (token.kind === 'line_comment' && lineIsEmpty) {
      const marker = parseMarker(token.text.trimEnd(), `${file}:${line}`);
      if (marker !== undefined) found.push({ ...marker, comment: token, line });
    }
    const breaks = token.text.split('\n').length - 1;
    line += breaks;
    lineIsEmpty = token.kind === 'space' ? breaks > 0 || lineIsEmpty : false;
  }
  return found;
}

/**
 * Reads a file with `-- migrate:up`, `-- migrate:down` and `-- migrate:verify`. A file without any marker is one up
 * section. Throws `migration_invalid` with file and line.
 */
export function parseNative(text: string, file: string): Sections {
  const markers = findMarkers(text, file);
  if (markers.length === 0) return { up: requireStatements(section(text, 1, undefined), file) };
  requireNothingBefore(text.slice(0, markers[0]?.comment.start), file);
  const byKind = new Map<MarkerKind, FoundMarker & { section: Section }>();
  for (const [index, marker] of markers.entries()) {
    if (byKind.has(marker.kind))
      throw invalid(`${file}:${marker.line}: migrate:${marker.kind} stands twice`, 'keep one marker of each kind');
    const body = text.slice(marker.comment.end, markers[index + 1]?.comment.start).replace(/^\n/, '');
    byKind.set(marker.kind, { ...marker, section: section(body, marker.line + 1, marker) });
  }
  const up = byKind.get('up');
  if (up === undefined) throw invalid(`${file} has no "-- migrate:up"`, 'put the marker above the statements');
  const down = byKind.get('down');
  const verify = byKind.get('verify');
  if (down !== undefined && up.options.irreversible) {
    throw invalid(`${file}:${down.line}: an irreversible migration has no down section`, 'remove one of the two');
  }
  return {
    up: requireStatements(up.section, file),
    ...(down === undefined || down.section.statements.length === 0 ? {} : { down: down.section }),
    ...(verify === undefined ? {} : { verify: { ...verify.section, until: verify.until } }),
  };
}

/** Reads back what `storedText` has written into the history. */
export function parseStored(text: string, kind: 'up' | 'down', where: string): Section {
  const marker = findMarkers(text, where)[0];
  if (marker === undefined) return section(text, 1, undefined);
  if (marker.kind !== kind) throw invalid(`${where} starts with migrate:${marker.kind}`, `expected migrate:${kind}`);
  return section(text.slice(marker.comment.end).replace(/^\n/, ''), marker.line + 1, marker);
}

function section(text: string, line: number, marker: FoundMarker | undefined): Section {
  return {
    marker: marker?.comment.text.trimEnd() ?? '',
    text,
    line,
    options: marker?.options ?? defaultOptions,
    statements: readStatements(text, line),
  };
}

function requireStatements(found: Section, file: string): Section {
  if (found.statements.length > 0) return found;
  throw invalid(`${file} has no statement to run`, 'write the change, or delete the file');
}

function requireNothingBefore(text: string, file: string): void {
  let line = 1;
  for (const token of tokenize(text)) {
    if (!isTrivia(token))
      throw invalid(`${file}:${line}: a statement stands before the first marker`, 'move it below "-- migrate:up"');
    line += token.text.split('\n').length - 1;
  }
}
