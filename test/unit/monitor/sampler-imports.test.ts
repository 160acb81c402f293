import { expect, it } from 'vitest';
import { sourceImports } from '../../support/source-tree.ts';

it('no module of the sampling child reaches SQLite', () => {
  const imports = sourceImports().filter(({ typeOnly }) => !typeOnly);
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { from, to } of imports) if (from === path) visit(to);
  };
  visit('src/core/monitor/sampler/sampler-main.ts');
  expect(seen.size).toBeGreaterThan(10);
  expect([...seen].filter((path) => path.startsWith('src/core/sqlite/') || /sqlite/.test(path))).toEqual([]);
});
