import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Packages that the declarations reachable from `path` mention. */
function packagesOf(path: string, seen = new Set<string>(), found = new Set<string>()): Set<string> {
  if (seen.has(path)) return found;
  seen.add(path);
  const text = readFileSync(path, 'utf8');
  for (const [, from = ''] of text.matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)) {
    if (from.startsWith('.')) packagesOf(resolve(dirname(path), from.replace(/\.[jt]s$/, '.d.ts')), seen, found);
    else found.add(from);
  }
  return found;
}

test('the published declarations need no other package', () => {
  expect([...packagesOf(join(root, 'dist/index.d.ts'))].filter((name) => !name.startsWith('node:'))).toEqual([]);
});

test('a strict program type-checks against them', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/tradedb'), 'junction');
  symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'), 'junction');
  symlinkSync(join(root, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'), 'junction');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        target: 'es2024',
        lib: ['es2024', 'esnext.disposable', 'esnext.iterator'],
        module: 'nodenext',
        types: ['node'],
        exactOptionalPropertyTypes: true,
        preserveSymlinks: true,
      },
      files: ['engine.ts'],
    }),
  );
  writeFileSync(
    join(folder, 'engine.ts'),
    `import { openTradingDatabase, TradedbError, type DatabaseHook, type TradingDatabase } from 'tradedb';
    const hook: DatabaseHook = { onTransaction: ({ serviceMs }) => void serviceMs.toFixed() };
    await using db: TradingDatabase = openTradingDatabase('x.db', { durability: 'full', busyTimeout: 50, hooks: [hook] });
    const id: number | bigint = db.tx((t) => t.run('INSERT INTO a VALUES (?)', [1]).lastInsertRowid, { name: 'a' });
    const row: { n: number } | undefined = db.read((r) => r.get<{ n: number }>('SELECT 1 AS n'));
    const later: Promise<number> = db.enqueue((t) => t.run('DELETE FROM a').changes);
    const report: { n: number }[] = await db.background.all<{ n: number }>('SELECT 1 AS n', [], { deadlineMs: 5 });
    const state: string = db.orders.order(1).status;
    // @ts-expect-error a value that SQLite cannot bind
    db.query('SELECT ?').all([new Date(0)]);
    // @ts-expect-error an unknown option
    openTradingDatabase('x.db', { durabilty: 'full' });
    export { id, row, later, report, state, TradedbError };`,
  );
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const checked = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
  expect(checked.stdout + checked.stderr).toBe('');
  expect(checked.status).toBe(0);
});

test('importing the library loads no driver; opening does', () => {
  const code = `
    import { createRequire } from 'node:module';
    const { openTradingDatabase } = await import(${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)});
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('better-sqlite3'));
    const before = loaded();
    const database = openTradingDatabase(${JSON.stringify(join(temporaryFolder(), 'a.db'))}, { create: true });
    console.log(before, loaded(), database.effectivePragmas().synchronous);
    await database.close();`;
  const ran = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
  expect(ran.stdout + ran.stderr).toBe('false true full\n');
});
