// Packs the built project, installs the tarball into an empty folder elsewhere, and uses it there: the command and the library.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tradedb tarball '));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const run = (command, args, cwd) =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: command.endsWith('.cmd'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });

try {
  run(npm, ['pack', '--silent', '--pack-destination', folder], root);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  const sizeBytes = statSync(join(folder, tarball)).size;
  if (sizeBytes > 3_000_000) throw new Error(`the tarball has ${sizeBytes} bytes; 3 MB is the limit`);
  const project = join(folder, 'user');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}');
  run(
    npm,
    ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', join('..', tarball)],
    project,
  );
  const launcher = join(project, 'node_modules', 'tradedb', 'bin', 'tradedb.js');
  const tradedb = (...args) => run(process.execPath, [launcher, ...args], project);
  const version = tradedb('--version').trim();
  tradedb('init', '--sample', '--orders', '500', '--days', '5', '--yes');
  tradedb('backup', 'create');
  const health = JSON.parse(tradedb('health', '--tier', 'daily', '--json'));
  if (health.status !== 'ok')
    throw new Error(`health of a fresh sample is ${health.status}: ${JSON.stringify(health.findings)}`);
  const library = join(project, 'use.mjs');
  writeFileSync(
    library,
    `import { openTradingDatabase } from 'tradedb';
const db = openTradingDatabase('trading.db');
const count = db.read((r) => r.value('SELECT count(*) FROM orders'));
db.close();
console.log(JSON.stringify({ count }));`,
  );
  const { count } = JSON.parse(run(process.execPath, [library], project));
  if (count !== 500) throw new Error(`the library found ${count} orders instead of 500`);
  process.stdout.write(
    `tarball of ${version}: ${sizeBytes} bytes, installed in ${dirname(launcher)}, health ${health.status}, library ok\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
