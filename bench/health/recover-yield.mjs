// What salvage brings back of every kind of damage in the corpus, side by side with the sqlite3 command line on the same
// file: its `.recover` where it works, else its `.dump`.
//   node bench/health/recover-yield.mjs [--sizes 1024,4096] [--sqlite3 program] [--json]
// Debian's sqlite3 has no working .recover; one built with SQLITE_ENABLE_DBPAGE_VTAB has.
// Uses the compiled program: run `npm run build` first. The corpus is TypeScript, which Node strips by itself.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1024,4096' },
    json: { type: 'boolean', default: false },
    sqlite3: { type: 'string', default: 'sqlite3' },
  },
});
const root = fileURLToPath(new URL('../../', import.meta.url));
const { damageKinds, DamagedFile, leaveWal } = await import('../../test/support/database-damage.ts');
const { makeSoundDatabase } = await import('../../test/support/sound-database.ts');
const folder = mkdtempSync(join(tmpdir(), 'tradedb-yield-'));
const tables = ['trade', 'setting'];

/** Rows as texts; on a copy, with its WAL when there is one. */
function rowsOf(path) {
  const copy = join(folder, 'rows.db');
  for (const end of ['', '-wal', '-shm']) rmSync(copy + end, { force: true });
  for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
  const db = new Database(copy);
  const rows = new Set();
  for (const name of tables) {
    try {
      for (const row of db.prepare(`SELECT * FROM "${name}"`).raw().iterate()) rows.add(JSON.stringify([name, row]));
    } catch {
      // A table that is not there, or cannot be read to its end: what was read counts.
    }
  }
  db.close();
  return rows;
}

/** Rows that are offered apart, as `rowsOf` gives them. */
function rowsApart(path) {
  const rows = new Set();
  if (!existsSync(path)) return rows;
  const db = new Database(path, { readonly: true });
  for (const { table_name, row_id, record } of db.prepare('SELECT * FROM unproven').iterate()) {
    const values = JSON.parse(record).map((value) =>
      value !== null && typeof value === 'object' ? Buffer.from(value.blob, 'hex') : value,
    );
    if (table_name === 'trade') values[0] = row_id;
    rows.add(JSON.stringify([table_name, values]));
  }
  db.close();
  return rows;
}

const cli = [values.sqlite3].find((name) => spawnSync(name, ['--version']).status === 0);
const version = cli === undefined ? undefined : execFileSync(cli, ['--version'], { encoding: 'utf8' }).split(' ')[0];

function recoverWorks() {
  const path = join(folder, 'probe.db');
  makeSoundDatabase(path);
  const text = spawnSync(cli, [path, '.recover'], { encoding: 'utf8', maxBuffer: 1e9 });
  return text.stdout.includes('INSERT') && !/sql error/.test(text.stdout + text.stderr);
}

/** What the command line makes of a copy, loaded into a new database. */
function byCommandLine(path, verb) {
  const copy = join(folder, 'cli.db');
  const loaded = join(folder, 'loaded.db');
  for (const file of [copy, loaded])
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(file + end, { force: true });
  for (const end of ['', '-wal', '-journal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
  const dump = spawnSync(cli, [copy, verb], { encoding: 'utf8', maxBuffer: 1e9 }).stdout;
  // `.dump` of a damaged file ends in ROLLBACK: whoever salvages with it edits that away.
  spawnSync(cli, [loaded], { input: dump.replace(/^ROLLBACK;.*$/m, 'COMMIT;'), maxBuffer: 1e9 });
  return existsSync(loaded) ? rowsOf(loaded) : new Set();
}

function bySalvage(path, name) {
  const result = join(folder, 'salvaged.db');
  const caseFolder = join(folder, 'case');
  rmSync(result, { force: true });
  rmSync(caseFolder, { recursive: true, force: true });
  const schema = join(folder, 'schema.sql');
  const args = ['health', 'recover', '-d', path, '--case', caseFolder, '--to', result, '--json', '--progress', 'none'];
  if (/header|first page|schema/.test(name)) args.push('--schema', schema);
  const run = spawnSync(process.execPath, [join(root, 'bin', 'tradedb.js'), ...args], {
    encoding: 'utf8',
    cwd: folder,
    maxBuffer: 1e9,
  });
  if (run.status !== 0 && run.status !== 3 && run.status !== 12)
    return { rows: new Set(), apart: new Set(), way: `exit ${run.status}` };
  return {
    rows: rowsOf(result),
    apart: rowsApart(join(caseFolder, 'quarantine.db')),
    way: JSON.parse(run.stdout).data.chosen,
  };
}

writeFileSync(
  join(folder, 'schema.sql'),
  `CREATE TABLE trade (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, qty INTEGER, price REAL, note TEXT, raw BLOB);
   CREATE INDEX trade_symbol ON trade(symbol, qty);
   CREATE TABLE setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
   CREATE TABLE "odd ""name" (a, b);`,
);

try {
  const verb = cli === undefined ? undefined : recoverWorks() ? '.recover' : '.dump';
  const rows = [];
  for (const pageSize of values.sizes.split(',').map(Number)) {
    for (const kind of damageKinds) {
      const home = join(folder, 'home');
      rmSync(home, { recursive: true, force: true });
      mkdirSync(home);
      const path = join(home, 't.db');
      const options = { pageSize, ...kind.database };
      if (kind.wal === true) leaveWal(path, options);
      else makeSoundDatabase(path, options);
      const sound = rowsOf(path);
      kind.apply(new DamagedFile(path, 11));
      const theirs = verb === undefined ? new Set() : byCommandLine(path, verb);
      const ours = bySalvage(path, kind.name);
      const right = (found) => [...found].filter((row) => sound.has(row)).length;
      const row = {
        pageSize,
        kind: kind.name,
        rows: sound.size,
        ours: right(ours.rows),
        apart: right(ours.apart),
        wrong: ours.rows.size - right(ours.rows),
      };
      rows.push({ ...row, way: ours.way, theirs: right(theirs), theirWrong: theirs.size - right(theirs) });
    }
  }
  // Rows that cannot be proven current are offered apart: they are not lost, and not presented as live.
  const behind = rows.filter((row) => row.ours + row.apart < row.theirs);
  const wrong = rows.reduce((sum, row) => sum + row.wrong, 0);
  const total = (name) => rows.reduce((sum, row) => sum + row[name], 0);
  const summary = {
    cases: rows.length,
    peer: verb === undefined ? null : `sqlite3 ${version} ${verb}`,
    rows: total('rows'),
  };
  const sums = {
    ours: total('ours'),
    apart: total('apart'),
    theirs: total('theirs'),
    wrong,
    theirWrong: total('theirWrong'),
    behind: behind.length,
  };
  if (values.json) process.stdout.write(`${JSON.stringify({ ...summary, ...sums, kinds: rows }, null, 2)}\n`);
  else {
    if (verb === undefined) process.stdout.write('sqlite3 is not installed: no comparison\n');
    else if (verb === '.dump')
      process.stdout.write(`.recover of sqlite3 ${version} does not work here: compared with .dump\n`);
    for (const row of rows) {
      const line = `${String(row.pageSize).padStart(6)}  ${row.kind.padEnd(52)} ${String(row.rows).padStart(6)} rows  ${row.way.padEnd(12)} ${String(row.ours).padStart(6)}${row.apart > 0 ? ` + ${row.apart} apart` : ''}`;
      process.stdout.write(
        `${line}   ${verb ?? ''} ${String(row.theirs).padStart(6)} (${row.theirWrong} wrong)${row.ours + row.apart < row.theirs ? '  BEHIND' : ''}${row.wrong > 0 ? `  ${row.wrong} WRONG` : ''}\n`,
      );
    }
    process.stdout.write(
      `${rows.length} cases, ${sums.ours} of ${summary.rows} rows here and ${sums.apart} apart, ${sums.theirs} there; ${wrong} wrong rows here, ${sums.theirWrong} there; behind in ${behind.length}\n`,
    );
  }
  if (behind.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
