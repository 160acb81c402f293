import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exitCodeOfError } from '../../src/cli/exit-code.ts';
import type { ErrorCode } from '../../src/core/error.ts';

const union = /export type ErrorCode =([\s\S]+?);/.exec(readFileSync('src/core/error.ts', 'utf8'))?.[1] ?? '';
const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code = '']) => code as ErrorCode);
const sections = new Map(
  readFileSync('docs/troubleshooting.md', 'utf8')
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [code = '', ...rest] = section.split('\n');
      return [code, rest.join('\n').split(/^## /m)[0]?.trim() ?? ''] as const;
    }),
);

describe('docs/troubleshooting.md', () => {
  it('has one paragraph for each error code, and none for a code that is gone', () => {
    expect(codes.length).toBeGreaterThan(40);
    expect([...sections.keys()].toSorted()).toEqual(codes.toSorted());
    for (const [code, text] of sections) {
      expect(text.split('\n\n'), code).toHaveLength(1);
      expect(text.length, code).toBeGreaterThan(100);
    }
  });

  it('names the exit codes that the command line really uses', () => {
    for (const [code, text] of sections) {
      const named = /Exit (\d+)(?: or \d+)?\.$/.exec(text)?.[1];
      // Codes that only the library meets name none; on the command line they would be 1.
      if (named === undefined) expect(exitCodeOfError(code as ErrorCode), code).toBe(1);
      else expect(Number(named), code).toBe(exitCodeOfError(code as ErrorCode));
    }
  });

  it('leads to sections that exist', () => {
    for (const path of ['docs/troubleshooting.md', ...guides]) {
      const folder = path.slice(0, path.lastIndexOf('/'));
      for (const [, target = '', anchor = ''] of readFileSync(path, 'utf8').matchAll(/\]\(([^)#\s:]*)#([^)]+)\)/g)) {
        const other = target === '' ? path : `${folder}/${target}`;
        expect(anchorsOf(other), `${path}: ${target}#${anchor}`).toContain(anchor);
      }
    }
  });
});

const guides = [
  'existing-bot',
  'containers',
  'remote-backups',
  'encryption-keys',
  'disaster-recovery',
  'upgrading',
].map((name) => `docs/guides/${name}.md`);

function anchorsOf(path: string): readonly string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
