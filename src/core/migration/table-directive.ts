import { foldName } from '../schema/normalise.ts';
import { invalid } from './invalid.ts';

/** What `-- migrate:table` above a CREATE TABLE asks for: make the table look like this. */
export interface TableDirective {
  /** Old and new name of columns. */
  readonly renames: readonly { readonly from: string; readonly to: string }[];
  /** Expression over the old columns for the rows that are there, by folded name of the new column. */
  readonly fills: ReadonlyMap<string, string>;
  /** True: a rebuild copies the table beside its writers and swaps it at the end. */
  readonly online?: boolean;
}

const directive = /^--\s*migrate:table(?=\s|$)(.*)$/;

/** Finds the directive in the comments before a statement. */
export function readTableDirective(leading: string, place: (line: number) => string): TableDirective | undefined {
  let found: TableDirective | undefined;
  for (const [index, line] of leading.split('\n').entries()) {
    const match = directive.exec(line.trim());
    if (match === null) continue;
    if (found !== undefined)
      throw invalid(`${place(index)}: migrate:table stands twice above one statement`, 'keep one');
    found = parseOptions(match[1] ?? '', place(index));
  }
  return found;
}

function parseOptions(text: string, place: string): TableDirective {
  const renames: { from: string; to: string }[] = [];
  const fills = new Map<string, string>();
  let online = false;
  for (const word of text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []) {
    if (word === 'online') {
      online = true;
      continue;
    }
    const [, name, raw = ''] = /^([a-z-]+)[=:]([\s\S]+)$/.exec(word) ?? [];
    const value = /^"[^"]*"$/.test(raw) ? raw.slice(1, -1) : raw;
    const [, left = '', right = ''] = /^([^:]+):([\s\S]+)$/.exec(value) ?? [];
    if (left === '' || (name !== 'rename' && name !== 'fill')) {
      throw invalid(
        `${place}: ${JSON.stringify(word)} is not understood`,
        'write rename=old:new, fill="column:expression" or online',
      );
    }
    if (name === 'rename') renames.push({ from: left, to: right });
    else fills.set(foldName(left), right);
  }
  return { renames, fills, ...(online ? { online } : {}) };
}
