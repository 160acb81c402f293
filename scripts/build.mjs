// Compiles src into dist and copies what the compiler leaves behind (SQL migrations, web assets).
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export function build() {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const compiled = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.json')], { stdio: 'inherit' });
  if (compiled.status !== 0) throw new Error(`the TypeScript compiler ended with ${compiled.status}`);
  for (const file of globSync(['src/**/*.{sql,html,css,svg,c}', 'src/**/assets/*.js'], { cwd: root })) {
    const target = join(root, file.replace(/^src/, 'dist'));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, file), target);
  }
}

if (
  process.argv[1] !== undefined &&
  existsSync(process.argv[1]) &&
  fileURLToPath(import.meta.url) === process.argv[1]
) {
  build();
}
