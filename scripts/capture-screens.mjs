// Runs the commands that README.md shows, on a fresh sample database, and puts what they really printed between the
// markers `<!-- screen: commands -->` and `<!-- /screen -->`; with `beside the engine: ` in front, while the example
// engine trades. Paths are shortened and the machine's own replaced; nothing else is changed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const launcher = join(root, 'bin', 'tradedb.js');
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tradedb-screens-')));
const readme = join(root, 'README.md');

function capture(commandLine) {
  const args = commandLine.match(/'[^']*'|\S+/g).map((word) => word.replace(/^'|'$/g, ''));
  const result = spawnSync(process.execPath, [launcher, ...args.slice(1), '--progress', 'none'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  if (result.error) throw result.error;
  if (result.stderr.includes('error:')) throw new Error(`${commandLine}: ${result.stderr}`);
  return `$ ${commandLine}\n${result.stdout}`
    .replaceAll(`${process.execPath} ${launcher}`, '/usr/bin/node /opt/tradedb/bin/tradedb.js')
    .replaceAll(process.execPath, 'node')
    .replaceAll(`--config ${folder}`, '--config /srv/bot')
    .replaceAll(`${folder}/`, '')
    .replaceAll(folder, '.')
    .trimEnd();
}

/** Started so that its command line does not show where the project lies. */
function startEngine() {
  const args = ['engine.mjs', '--seconds', '30', '--rate', '150', '--database', join(folder, 'trading.db')];
  return spawn(process.execPath, args, { argv0: 'node', cwd: join(root, 'examples', 'engine'), stdio: 'ignore' });
}

const prefix = 'beside the engine: ';

function captureAll(text) {
  if (!text.startsWith(prefix)) return text.split(' && ').map(capture).join('\n\n');
  const engine = startEngine();
  try {
    spawnSync(process.execPath, ['-e', 'setTimeout(() => {}, 2500)']);
    return captureAll(text.slice(prefix.length));
  } finally {
    engine.kill('SIGTERM');
  }
}

try {
  let text = readFileSync(readme, 'utf8');
  text = text.replace(/(<!-- screen: (.+?) -->\n)[\s\S]*?(<!-- \/screen -->)/g, (_all, open, commands, close) => {
    return `${open}\`\`\`\n${captureAll(commands)}\n\`\`\`\n${close}`;
  });
  writeFileSync(readme, text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
