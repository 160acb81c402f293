// The C contender: the same statements on the same SQLite, compiled from the amalgamation inside better-sqlite3 with its
// own defines. Built once into the temporary folder; the first build takes a minute.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dependencies = join(dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')), 'deps');
const compiler = process.env.CC ?? 'cc';
const source = fileURLToPath(new URL('./reference.c', import.meta.url));

/** @returns {string | undefined} */
function build() {
  const amalgamation = join(dependencies, 'sqlite3');
  if (!existsSync(join(amalgamation, 'sqlite3.c')) || spawnSync(compiler, ['--version']).status !== 0) return undefined;
  const gypi = readFileSync(join(dependencies, 'defines.gypi'), 'utf8');
  const defines = [...gypi.matchAll(/'((?:SQLITE|HAVE)_[A-Z0-9_]+(?:=[^']*)?)'/g)].map(([, define]) => `-D${define}`);
  const name = createHash('sha256').update(readFileSync(source)).update(gypi).digest('hex').slice(0, 16);
  const folder = join(tmpdir(), 'tradedb-bench-c');
  const program = join(folder, name);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  console.error('compiling the C program ...');
  const files = [source, join(amalgamation, 'sqlite3.c')];
  const flags = [
    '-O3',
    '-w',
    ...defines,
    `-I${amalgamation}`,
    ...files,
    '-o',
    `${program}.partial`,
    '-lm',
    '-lpthread',
    '-ldl',
  ];
  const compiled = spawnSync(compiler, flags, { encoding: 'utf8' });
  if (compiled.status !== 0) {
    console.error(compiled.stderr);
    return undefined;
  }
  renameSync(`${program}.partial`, program);
  return program;
}

let first = 0;

/**
 * @param {'write' | 'read'} mode
 * @param {string} path
 * @returns {import('./measure.mjs').Contender | undefined}
 */
export function cContender(mode, path) {
  const program = build();
  if (program === undefined) return undefined;
  return {
    name: 'C program',
    run(ms) {
      const ran = spawnSync(program, [mode, path, String(ms), String(first)], { encoding: 'utf8' });
      if (ran.status !== 0) throw new Error(`the C program failed: ${ran.stderr}`);
      const [operations = 0, wallMs = 0, cpuMs = 0] = ran.stdout.trim().split(' ').map(Number);
      if (mode === 'write') first += operations;
      return { operations, wallMs, cpuMs };
    },
  };
}
