import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { manualPage } from '../../src/cli/manual-page.ts';
import { registry } from '../../src/commands/registry.ts';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  man: string;
  files: readonly string[];
  dependencies: Readonly<Record<string, string>>;
};

describe('the licence list', () => {
  it('is what the script would write of the installed packages', () => {
    const result = spawnSync(process.execPath, ['scripts/collect-licenses.mjs', '--check'], { encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
  });

  it('names every dependency', () => {
    const text = readFileSync('docs/licenses.md', 'utf8');
    for (const [name, version] of Object.entries(manifest.dependencies))
      expect(text).toContain(`| ${name} | ${version} |`);
  });
});

describe('the manual page', async () => {
  const groups = await Promise.all(
    registry.map(async (group) => ({
      group,
      commands: await Promise.all(Object.values(group.commands).map(async (load) => (await load()).definition)),
    })),
  );
  const page = manualPage(groups);

  it('comes with the package', () => {
    expect(existsSync(manifest.man)).toBe(true);
    expect(manifest.files.some((folder) => manifest.man.startsWith(`${folder}/`))).toBe(true);
  });

  it('has a section for every command', () => {
    const titles = page.split('\n').filter((line) => line.startsWith('.SS '));
    const wanted = groups.flatMap(({ commands }) => commands.map(({ path }) => path.join(' ').replaceAll('-', '\\-')));
    expect(wanted.length).toBeGreaterThan(45);
    expect(titles.map((title) => title.replace(/^\.SS tradedb /, '').replace(/ [<[].*$/, ''))).toEqual(wanted);
  });

  it('has no line that roff would take for a request, or for an escape', () => {
    const requests = ['\\"', 'TH', 'SH', 'SS', 'B', 'I', 'RI', 'BR', 'TP', 'PP', 'RS', 'RE', 'nf', 'fi'];
    for (const line of page.split('\n')) {
      const request = /^['.](\S+)/.exec(line)?.[1];
      if (request !== undefined) expect(requests, line).toContain(request);
      if (line.startsWith('.\\"')) continue;
      expect(line.replace(/\\(e|-|&|fB|fR|\(ha|\(ti)/g, ''), line).not.toContain('\\');
    }
  });

  it('keeps what roff would change', () => {
    const [first] = groups;
    const command = { ...first?.commands[0], summary: '.hidden \\n and --flag', description: "'quoted" } as never;
    const text = manualPage([{ group: first?.group as never, commands: [command] }]);
    expect(text).toContain('\n\\&.hidden \\en and \\-\\-flag.\n');
    expect(text).toContain("\n\\&'quoted\n");
  });
});
