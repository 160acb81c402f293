// Full backups beside `cp` + fsync, the sqlite3 command line and VACUUM INTO, idle and beside a writer of 200
// transactions a second, in one run with interleaved rounds.
//   npm run build && node bench/backup/create.mjs [megabytes] [rounds]
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launcher, longest, makeDatabase, median, percentile, print, startWriter, timed } from './support.mjs';

const megabytes = Number(process.argv[2] ?? 250);
const rounds = Number(process.argv[3] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const path = join(folder, 'trading.db');
const out = join(folder, 'out');
/** The command line never ends beside a writer: it gets this much time. */
const limitMs = 15_000;

const tradedb = (codec) => () =>
  timed(
    process.execPath,
    [launcher, 'backup', '-d', path, '-R', `${out}/`, '--type', 'full', '--codec', codec, '--verify', '0', '--json'],
    { cwd: folder },
  );
const idle = {
  'cp + fsync': () => timed('sh', ['-c', 'cp "$0" "$1" && sync "$1"', path, out]),
  'sqlite3 .backup': () => timed('sqlite3', [path, `.backup '${out}'`], { limitMs }),
  'VACUUM INTO': () => timed('sqlite3', [path, `VACUUM INTO '${out}'`], { limitMs }),
  'tradedb, none + sha256': tradedb('none'),
  'tradedb, zstd:1 + sha256': tradedb('zstd:1'),
};

async function round(contenders, results) {
  for (const [name, run] of Object.entries(contenders)) {
    rmSync(out, { recursive: true, force: true });
    const result = await run();
    if (result.code !== 0 && !name.startsWith('sqlite3') && !name.startsWith('VACUUM')) throw new Error(result.errors);
    results[name] ??= [];
    results[name].push(result);
    if (name === 'tradedb, zstd:1 + sha256') results.stored = JSON.parse(result.output).data.bytes.stored;
  }
}

try {
  makeDatabase(path, megabytes);
  const sizeMb = statSync(path).size / 1e6;
  const quiet = {};
  for (let index = 0; index < rounds; index++) await round(idle, quiet);
  const base = median(quiet['cp + fsync'].map((one) => one.ms));
  print(
    `idle, ${Math.round(sizeMb)} MB, median of ${rounds}`,
    ['', 'ms', 'times cp + fsync'],
    Object.keys(idle).map((name) => {
      const ms = median(quiet[name].map((one) => one.ms));
      return [name, Math.round(ms), quiet[name].every((one) => one.ended) ? (ms / base).toFixed(2) : 'failed'];
    }),
  );
  console.log(`\nzstd:1 stores ${(quiet.stored / 1e6).toFixed(0)} MB of ${Math.round(sizeMb)} MB`);

  const writer = await startWriter(path, 200);
  const busy = {};
  const beside = {};
  const contenders = {
    nothing: () => timed('sleep', ['2']),
    'sqlite3 .backup': idle['sqlite3 .backup'],
    'tradedb, none + sha256': idle['tradedb, none + sha256'],
    'tradedb, zstd:1 + sha256': idle['tradedb, zstd:1 + sha256'],
  };
  for (let index = 0; index < rounds; index++) {
    for (const name of Object.keys(contenders)) {
      await writer.take();
      await round({ [name]: contenders[name] }, busy);
      beside[name] = [...(beside[name] ?? []), ...(await writer.take())];
    }
  }
  await writer.stop();
  const calm = percentile(beside.nothing, 0.99);
  print(
    'beside a writer of 200 transactions a second',
    ['', 'ended', 'ms', 'times idle', 'p99 of a commit, ms', 'times undisturbed', 'longest commit, ms'],
    Object.keys(contenders).map((name) => {
      const ms = median(busy[name].map((one) => one.ms));
      const ended = busy[name].filter((one) => one.ended).length;
      const before = quiet[name] === undefined ? Number.NaN : median(quiet[name].map((one) => one.ms));
      const p99 = percentile(beside[name], 0.99);
      return [
        name,
        name === 'nothing' ? '' : `${ended} of ${rounds}`,
        name === 'nothing' ? '' : ended === 0 ? `over ${limitMs}` : Math.round(ms),
        Number.isNaN(before) || ended === 0 ? '' : (ms / before).toFixed(2),
        p99.toFixed(2),
        (p99 / calm).toFixed(2),
        longest(beside[name]).toFixed(0),
      ];
    }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
