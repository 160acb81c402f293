import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export interface SourceImport {
  readonly from: string;
  /** Path below the project for a relative import, otherwise the package. */
  readonly to: string;
  readonly typeOnly: boolean;
  /** Loaded when it is needed, by import(). */
  readonly lazy: boolean;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** The text without comments and without the contents of strings. */
  readonly code: string;
  readonly lines: number;
}

/** Every TypeScript file below src. */
export function sourceFiles(): readonly SourceFile[] {
  return readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = join('src', name).replaceAll('\\', '/');
      const text = readFileSync(path, 'utf8');
      return { path, text, code: withoutCommentsAndStrings(text), lines: text.split('\n').length - 1 };
    });
}

const comments = /\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/[^\n]*/g;

function withoutCommentsAndStrings(text: string): string {
  return text
    .replace(comments, '')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
    .replace(/`(?:[^`\\$]|\\.|\$(?!\{))*`/g, "''");
}

/** Every import and re-export of the sources; `import(...)` with a literal path counts too. */
export function sourceImports(): readonly SourceImport[] {
  return sourceFiles().flatMap((file) => {
    const text = file.text.replace(comments, '');
    const imports: SourceImport[] = [];
    for (const match of text.matchAll(/^(import|export)\s+(type\s)?([^;'"]*?)\s*(?:from\s*)?['"]([^'"]+)['"]/gm)) {
      const names = match[3] ?? '';
      const onlyTypes =
        match[2] !== undefined ||
        (/^\{/.test(names) &&
          names
            .replace(/[{}\s]/g, '')
            .split(',')
            .every((name) => name === '' || name.startsWith('type')));
      imports.push({ from: file.path, to: resolveImport(file.path, match[4] ?? ''), typeOnly: onlyTypes, lazy: false });
    }
    for (const match of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
      imports.push({ from: file.path, to: resolveImport(file.path, match[1] ?? ''), typeOnly: false, lazy: true });
    }
    return imports;
  });
}

function resolveImport(from: string, specifier: string): string {
  return specifier.startsWith('.') ? normalize(join(dirname(from), specifier)).replaceAll('\\', '/') : specifier;
}
