import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseConnection } from '../support/connection-section.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
const blocks = page.matchAll(/<!-- example: (\S+) -->\n```js\n([\s\S]*?)```\n```text\n([\s\S]*?)```\n/g);
const examples = new Map([...blocks].map(([, path = '', code, output]) => [path, { code, output }]));

describe('docs/library.md', () => {
  it('shows every example of the folder', () => {
    const files = globSync('examples/library/*.mjs', { cwd: root }).map((path) => path.replaceAll('\\', '/'));
    expect([...examples.keys()].sort()).toEqual(files.sort());
    expect(files.length).toBeGreaterThanOrEqual(6);
  });

  it.each([...examples])('%s is shown as it is and prints what the page says', (path, { code, output }) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(code);
    const ran = spawnSync(process.execPath, [join(root, path), join(temporaryFolder(), 'engine.db')], {
      encoding: 'utf8',
    });
    expect(ran.stderr).toBe('');
    expect(ran.stdout).toBe(output);
    expect(ran.status).toBe(0);
  });

  it('lists every option of the configuration section with its default', () => {
    const rows = page
      .slice(page.indexOf('## Options'))
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    for (const [key, value] of Object.entries(parseConnection({}))) {
      const names = typeof value === 'object' ? Object.keys(value) : [key];
      const row = rows.find((line) => line.includes(typeof value === 'object' ? `\`${key}.` : `\`${key}\``));
      for (const name of names) expect(row, `${key} ${name}`).toContain(name);
    }
  });
});
