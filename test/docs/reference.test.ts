import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { registry } from '../../src/commands/registry.ts';

describe('the generated reference', () => {
  it('is not stale', () => {
    const result = spawnSync(process.execPath, ['scripts/generate-docs.mjs', '--check'], { encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
  });

  it('has a JSON Schema and a text renderer for every command', async () => {
    for (const group of registry) {
      for (const load of Object.values(group.commands)) {
        const name = (await load()).definition.path.join('-');
        expect(existsSync(`docs/schema/${name}.json`), `docs/schema/${name}.json`).toBe(true);
        expect(existsSync(`src/cli/render/text/${name}.ts`), `src/cli/render/text/${name}.ts`).toBe(true);
      }
    }
  });

  it('gives every command examples and exit codes', async () => {
    for (const group of registry) {
      for (const load of Object.values(group.commands)) {
        const { definition } = await load();
        const words = definition.path.join(' ');
        expect(definition.examples.length, words).toBeGreaterThan(0);
        expect(definition.exitCodes[0], words).toBeTypeOf('string');
        for (const example of definition.examples)
          expect(example.command, words).toMatch(new RegExp(`^${group.name}\\b`));
      }
    }
  });
});
