// Writes what is made from the command definitions: docs/cli/*.md, docs/man/tradedb.1, docs/exit-codes.md and the
// configuration schema.
// With --check it writes nothing and fails when a file is stale.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = new URL('../dist/', import.meta.url);
const { referenceFiles } = await import(new URL('cli/reference.js', dist).href);

export async function staleFiles() {
  const wanted = await referenceFiles();
  const stale = Object.entries(wanted).filter(
    ([name, text]) => !existsSync(join(root, name)) || readFileSync(join(root, name), 'utf8') !== text,
  );
  const extra = readdirSync(join(root, 'docs/cli')).filter((name) => !(`docs/cli/${name}` in wanted));
  return { wanted, stale: stale.map(([name]) => name), extra: extra.map((name) => `docs/cli/${name}`) };
}

mkdirSync(join(root, 'docs/cli'), { recursive: true });
const { wanted, stale, extra } = await staleFiles();
if (process.argv.includes('--check')) {
  const broken = [...stale, ...extra];
  if (broken.length > 0) {
    process.stderr.write(`stale: ${broken.join(', ')}; run: npm run docs\n`);
    process.exitCode = 1;
  }
} else {
  for (const name of stale) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), wanted[name]);
  }
  for (const name of extra) rmSync(join(root, name));
  process.stdout.write(`${stale.length} written, ${extra.length} removed\n`);
}
