// What encryption costs: create, verify and restore of one database, plain and encrypted, in one run with interleaved
// rounds. The key is an age identity; a passphrase would add its second to every command.
//   npm run build && node bench/verify/verify.mjs [megabytes] [rounds]
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { launcher, makeDatabase, median, print, timed } from '../backup/support.mjs';

const megabytes = Number(process.argv[2] ?? 250);
const rounds = Number(process.argv[3] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'trading.db');

try {
  makeDatabase(path, megabytes);
  const identity = await generateIdentity();
  writeFileSync(join(folder, 'identity.txt'), `${identity}\n`);
  const recipients = [await identityToRecipient(identity), await identityToRecipient(await generateIdentity())];
  const kinds = { plain: {}, encrypted: { recipients, identityFile: 'identity.txt' } };
  const configOf = (kind) => join(folder, `${kind}.json`);
  for (const [kind, encryption] of Object.entries(kinds)) {
    const backup = { repositories: { main: { kind: 'folder', path: kind } }, encryption };
    writeFileSync(configOf(kind), JSON.stringify({ database: { path: 'trading.db' }, backup }));
  }
  const steps = {
    'backup create --type full': ['backup', 'create', '--type', 'full', '--verify', '0'],
    'backup verify --level 2': ['backup', 'verify', '--level', '2'],
    'backup verify --level 3': ['backup', 'verify', '--level', '3'],
    'restore run': ['restore', 'run', '--target', 'out.db', '--check', 'none'],
  };
  const results = {};
  for (let round = 0; round < rounds; round++) {
    for (const kind of Object.keys(kinds)) rmSync(join(folder, kind), { recursive: true, force: true });
    for (const [step, args] of Object.entries(steps)) {
      for (const kind of round % 2 === 0 ? ['plain', 'encrypted'] : ['encrypted', 'plain']) {
        rmSync(join(folder, 'out.db'), { force: true });
        const result = await timed(process.execPath, [launcher, ...args, '-c', configOf(kind)], { cwd: folder });
        if (result.code !== 0) throw new Error(`${step}: ${result.errors}`);
        results[step] ??= { plain: [], encrypted: [] };
        results[step][kind].push(result.ms);
      }
    }
  }
  print(
    `${Math.round(statSync(path).size / 1e6)} MB, zstd:1, median of ${rounds}`,
    ['', 'plain, ms', 'encrypted, ms', 'ratio'],
    Object.entries(results).map(([step, { plain, encrypted }]) => {
      const [a, b] = [median(plain), median(encrypted)];
      return [`\`${step}\``, Math.round(a), Math.round(b), (b / a).toFixed(2)];
    }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
