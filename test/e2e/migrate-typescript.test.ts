import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tradedb } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// In the real program, because the test runner would load TypeScript by itself.
it('a migration in TypeScript runs where Node.js strips types, and is refused before anything runs elsewhere', async () => {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, 'migrations'));
  writeFileSync(
    join(cwd, 'migrations', '1_t.ts'),
    `export async function up(knex: any): Promise<void> { await knex.schema.createTable('t', (t: any) => t.increments()); }
export async function down(knex: any): Promise<void> { await knex.schema.dropTable('t'); }
`,
  );
  const result = await tradedb(['migrate', 'up', '-d', 'new.db', '--create'], { cwd });
  const { typescript } = process.features as { typescript?: false | string };
  const strips = typescript !== undefined && typescript !== false;
  expect(result.code, result.stdout + result.stderr).toBe(strips ? 0 : 2);
  if (!strips) expect(result.stderr).toContain('1_t.ts cannot be loaded');
  const status = await tradedb(['migrate', 'status', '--exit-code', '-d', 'new.db'], { cwd });
  expect(status.code, status.stderr).toBe(strips ? 0 : 4);
});
