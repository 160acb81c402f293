// Runs the commands that README.md shows, on a fresh sample database, and puts what they really printed between the
// markers `<!-- screen: name -->` and `<!-- /screen -->`. Paths of the temporary folder are shortened, nothing else.
import { spawnSync } from 'node:child_process';
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
  const result = spawnSync(process.execPath, [launcher, ...args.slice(1), '--progress', 'none'], { cwd: folder, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
  if (result.error) throw result.error;
  if (result.stderr.includes('error:')) throw new Error(`${commandLine}: ${result.stderr}`);
  return `$ ${commandLine}\n${result.stdout}`.replaceAll(`${folder}/`, '').replaceAll(folder, '.').trimEnd();
}

try {
  let text = readFileSync(readme, 'utf8');
  text = text.replace(/(<!-- screen: (.+?) -->\n)[\s\S]*?(<!-- \/screen -->)/g, (_all, open, commands, close) => {
    const shown = commands.split(' && ').map(capture).join('\n\n');
    return `${open}\`\`\`\n${shown}\n\`\`\`\n${close}`;
  });
  writeFileSync(readme, text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
