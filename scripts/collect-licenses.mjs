// Writes docs/licenses.md: every package that an installation of tradedb brings, as it lies in node_modules, with its licence.
// With --check it writes nothing and fails when the file is stale. A licence that is not on the list below always fails.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'docs', 'licenses.md');
/** They ask for no more than to keep their text, which lies in each package. */
const accepted = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
];

const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const { version: lockVersion, packages: locked } = read(join(root, 'package-lock.json'));

/** The folder of a dependency as Node finds it from another package, below node_modules. */
function folderOf(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return found;
    if (folder === root || folder === dirname(folder)) throw new Error(`${name} is not installed; run: npm ci`);
  }
}

function licenseOf(manifest) {
  return typeof manifest.license === 'string' ? manifest.license : (manifest.licenses?.[0]?.type ?? 'unknown');
}

function collect() {
  const found = new Map();
  const optional = new Set();
  const visit = (name, from) => {
    const folder = folderOf(name, from);
    const manifest = read(join(folder, 'package.json'));
    const key = `${manifest.name} ${manifest.version}`;
    if (found.has(key)) return;
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying|unlicense)/i.test(entry));
    found.set(key, { name: manifest.name, version: manifest.version, license: licenseOf(manifest), file });
    for (const other of Object.keys(manifest.optionalDependencies ?? {})) optional.add(other);
    for (const other of Object.keys(manifest.dependencies ?? {}))
      if (!(other in (manifest.optionalDependencies ?? {}))) visit(other, folder);
  };
  for (const name of Object.keys(read(join(root, 'package.json')).dependencies)) visit(name, root);
  const packages = [...found.values()].toSorted((a, b) =>
    `${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1,
  );
  // Whether they are there depends on the machine: the page names them from the lock file, and judges what is there.
  const extras = [...optional].toSorted().map((name) => {
    const manifest = join(root, 'node_modules', name, 'package.json');
    const license = existsSync(manifest) ? licenseOf(read(manifest)) : undefined;
    return { name, version: locked[`node_modules/${name}`]?.version ?? '', license };
  });
  return { packages, extras };
}

function page({ packages, extras }) {
  const direct = new Set(Object.keys(read(join(root, 'package.json')).dependencies));
  const counts = Map.groupBy(packages, ({ license }) => license);
  const summary = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([license, list]) => `${list.length} ${license}`);
  return `${[
    '# Licences of the packages that come along',
    '',
    `tradedb ${lockVersion} itself is MIT ([LICENSE](../LICENSE)); the price data in \`fixtures/\` has its own licence beside it. Written by \`node scripts/collect-licenses.mjs\` from the installed packages.`,
    '',
    `${packages.length} packages: ${summary.join(', ')}. Nothing is bundled: each package is installed as it was published, with its licence.`,
    '',
    '| package | version | licence | text | asked for by |',
    '| --- | --- | --- | --- | --- |',
    ...packages.map(
      ({ name, version, license, file }) =>
        `| ${name} | ${version} | ${license} | ${file ?? 'in its package.json only'} | ${direct.has(name) ? 'tradedb' : 'a dependency'} |`,
    ),
    ...(extras.length === 0
      ? []
      : [
          '',
          `Optional, and used only where they are installed: ${extras.map(({ name, version }) => `${name} ${version}`).join(', ')}.`,
        ]),
    '',
    'Packages for development are not part of an installation and not listed. better-sqlite3 contains SQLite, which is in the public domain.',
  ].join('\n')}\n`;
}

const collected = collect();
const refused = [...collected.packages, ...collected.extras].filter(
  ({ license }) => license !== undefined && !accepted.includes(license),
);
if (refused.length > 0) {
  process.stderr.write(
    `not an accepted licence: ${refused.map(({ name, license }) => `${name} (${license})`).join(', ')}\n`,
  );
  process.exitCode = 1;
} else if (!process.argv.includes('--check')) {
  writeFileSync(target, page(collected));
} else if (!existsSync(target) || readFileSync(target, 'utf8') !== page(collected)) {
  process.stderr.write('stale: docs/licenses.md; run: npm run docs\n');
  process.exitCode = 1;
}
