import { invalid } from '../invalid.ts';
import { defaultOptions } from './marker.ts';
import { type FoundComment, findComments } from './markers-in-text.ts';
import { makeSection, requireNothingBefore, requireStatements, type Sections } from './native.ts';

const annotation = /^--\s*\+goose\s+(.*)$/m;

export function isGoose(text: string): boolean {
  return findComments(text, annotation).length > 0;
}

/**
 * Reads `-- +goose Up` and `-- +goose Down`. StatementBegin and StatementEnd need no attention: our splitter knows
 * where a trigger ends. Throws `migration_invalid` for what would change the meaning.
 */
export function parseGoose(text: string, file: string): Sections {
  const starts: (FoundComment & { kind: 'up' | 'down' })[] = [];
  let transaction = true;
  for (const comment of findComments(text, annotation)) {
    const word = (annotation.exec(comment.text)?.[1] ?? '').trim().toUpperCase();
    const place = `${file}:${comment.line}`;
    if (word === 'UP' || word === 'DOWN') {
      const kind = word === 'UP' ? 'up' : 'down';
      if (starts.some((start) => start.kind === kind))
        throw invalid(`${place}: +goose ${word} stands twice`, 'keep one of each');
      starts.push({ ...comment, kind });
    } else if (word === 'NO TRANSACTION') {
      transaction = false;
    } else if (word !== 'STATEMENTBEGIN' && word !== 'STATEMENTEND') {
      throw invalid(`${place}: +goose ${word} is not supported`, 'write the file without it');
    }
  }
  requireNothingBefore(text.slice(0, starts[0]?.start), file);
  const section = (kind: 'up' | 'down') => {
    const index = starts.findIndex((start) => start.kind === kind);
    const start = starts[index];
    if (start === undefined) return undefined;
    const body = text.slice(start.end, starts[index + 1]?.start).replace(/^\n/, '');
    const section = makeSection(body, { line: start.line + 1, file, options: { ...defaultOptions, transaction } });
    // The stored text is read back without the lines around it.
    return transaction ? section : { ...section, marker: `-- migrate:${kind} transaction=false` };
  };
  const up = section('up');
  const down = section('down');
  if (up === undefined) throw invalid(`${file} has no "-- +goose Up"`, 'put it above the statements');
  return { up: requireStatements(up, file), ...(down === undefined || down.statements.length === 0 ? {} : { down }) };
}
