import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registry } from '../../src/commands/registry.ts';

const documents = globSync('{*.md,docs/**/*.md,examples/**/*.md,fixtures/**/*.md}').map((path) =>
  path.replaceAll('\\', '/'),
);
const text = (path: string): string => readFileSync(path, 'utf8');
/** What the benches printed is quoted as it is: names of contenders in it are no commands. */
const written = (path: string): string =>
  text(path).replace(
    /<!-- what `npm run bench` printed: begin -->[\s\S]*<!-- what `npm run bench` printed: end -->/,
    '',
  );

describe('the documents', () => {
  it('have no broken link', () => {
    const broken = documents.flatMap((path) =>
      [...text(path).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)]*)?\)/g)].flatMap(([, target = '']) =>
        existsSync(join(dirname(path), target)) ? [] : [`${path}: ${target}`],
      ),
    );
    expect(documents.length).toBeGreaterThan(10);
    expect(broken).toEqual([]);
  });

  it('show only commands and subcommands that exist', () => {
    const unknown = documents.flatMap((path) =>
      [...written(path).matchAll(/(?:^|[`$] ?)tradedb ([a-z]+)(?: ([a-z]+(?:-[a-z]+)*))?/gm)].flatMap(
        ([, group = '', name]) => {
          if (group === 'help' || group === 'complete') return [];
          const found = registry.find((candidate) => candidate.name === group);
          if (found === undefined) return [`${path}: tradedb ${group}`];
          const takesWords = found.bare === found.name || name === undefined || Object.hasOwn(found.commands, name);
          return takesWords ? [] : [`${path}: tradedb ${group} ${name}`];
        },
      ),
    );
    expect(unknown).toEqual([]);
  });

  it('open with the two commands, and show captured screens', () => {
    const readme = text('README.md');
    expect(readme.indexOf('npm ci && npm run demo')).toBeLessThan(readme.indexOf('## '));
    expect(readme.indexOf('npm ci && npm test')).toBeLessThan(readme.indexOf('## '));
    const screens = [...readme.matchAll(/<!-- screen: (.+?) -->\n([\s\S]*?)<!-- \/screen -->/g)];
    expect(screens.length).toBeGreaterThanOrEqual(8);
    for (const [, command, screen = ''] of screens) expect(screen.split('\n').length, command).toBeGreaterThan(4);
  });

  it('name no registry host and no path of a machine', () => {
    const offending = globSync(
      '{*.md,*.json,docs/**/*,src/**/*,scripts/*,demo/*,bench/**/*,examples/**/*,.github/**/*,.ci/*}',
      { exclude: ['package-lock.json'] },
    )
      .filter((path) => /\.(md|json|ts|mjs|js|yml|sql|html)$|run$/.test(path))
      .filter((path) => /registry\.npmjs|deb\.debian|(?<![\w.-])\/(work|farm|root)\//.test(text(path)));
    expect(offending).toEqual([]);
  });
});
