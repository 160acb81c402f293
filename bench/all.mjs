// Runs the comparisons one after the other and writes what they printed, as it is, to the end of docs/benchmarks.md, each
// with its command, date, machine and load. A run of some of them replaces theirs and leaves the others.
//   npm run bench [-- --full] [-- <folder or script> ...]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { benches } from './list.mjs';

const { values, positionals } = parseArgs({
  options: { full: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const page = 'docs/benchmarks.md';
const begin = '<!-- what `npm run bench` printed: begin -->';
const end = '<!-- what `npm run bench` printed: end -->';

const chosen = benches.filter(
  ({ script }) =>
    positionals.length === 0 || positionals.some((name) => script === name || script.startsWith(`${name}/`)),
);
if (chosen.length === 0) {
  console.error(`no comparison of that name; there are:\n${benches.map(({ script }) => `  ${script}`).join('\n')}`);
  process.exit(2);
}

/** dbmate and Litestream come from the npm registry, into a folder of their own: nothing of tradedb needs them. */
function installPeers() {
  if (existsSync('bench/peers/node_modules')) return;
  const installed = spawnSync('npm', ['ci', '--prefix', 'bench/peers', '--no-audit', '--no-fund'], {
    stdio: 'inherit',
  });
  if (installed.status !== 0) console.error('bench/peers could not be installed: their rows will say "not run"');
}

const firstLine = (command, ...args) => {
  const { stdout, status } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split('\n')[0] : undefined;
};

function machine() {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const sqlite = new Database(':memory:').prepare('SELECT sqlite_version()').pluck().get();
  const peers = {
    sqlite3: firstLine('sqlite3', '--version')?.split(' ')[0],
    restic: firstLine('restic', 'version')?.split(' ')[1],
  };
  const found = Object.entries(peers).map(([name, found]) => `${name} ${found ?? 'not installed'}`);
  return [
    `tradedb ${version}, Node ${process.version}, SQLite ${sqlite}; ${found.join(', ')}`,
    `${cpus().length} cores ${cpus()[0]?.model ?? ''}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
  ];
}

/** Prints while it runs and returns the text, without the lines that a terminal would overwrite. */
function run(script, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [`bench/${script}`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (piece) => {
        process.stdout.write(piece);
        text += piece;
      });
    }
    child.on('close', (code, signal) => {
      const lines = text.split('\n').map((line) => line.slice(line.lastIndexOf('\r') + 1).trimEnd());
      if (code !== 0) lines.push(`(ended with ${signal ?? `exit code ${code}`})`);
      resolve(lines.join('\n').trim());
    });
  });
}

function sections(text) {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < 0) return new Map();
  const parts = text
    .slice(from + begin.length, to)
    .split(/^### /m)
    .slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')).replaceAll('`', ''), `### ${part.trim()}\n`]));
}

/** Written after each comparison, so that an interrupted run keeps what it has. */
function store(name, section) {
  const text = readFileSync(page, 'utf8');
  const known = sections(text).set(name, section);
  const ordered = benches.map(({ script }) => known.get(`bench/${script}`)).filter((one) => one !== undefined);
  const before = text.includes(begin) ? text.slice(0, text.indexOf(begin)) : `${text.trimEnd()}\n\n`;
  writeFileSync(page, `${before}${begin}\n\n${ordered.join('\n')}\n${end}\n`);
}

installPeers();
const facts = machine();
for (const [index, bench] of chosen.entries()) {
  const args = values.full ? bench.full : bench.quick;
  const command = ['node', `bench/${bench.script}`, ...args].join(' ');
  console.log(`\n[${index + 1}/${chosen.length}] ${command}`);
  const load = loadavg()[0].toFixed(1);
  const started = performance.now();
  const text = await run(bench.script, args);
  const seconds = Math.round((performance.now() - started) / 1000);
  const when = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const head = [`${when} UTC, load ${load} at its start, ${seconds} s.`, ...facts].join('  \n');
  store(
    `bench/${bench.script}`,
    `### \`bench/${bench.script}\`\n\n\`${command}\`  \n${head}\n\n\`\`\`\n${text}\n\`\`\`\n`,
  );
}
