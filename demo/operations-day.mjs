// A whole operations day of a trading database, on bundled real prices, in a temporary folder: every step runs the real
// program and prints its real report. Fails loudly when a step did not do what it says; leaves nothing running.
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { damagePages } from './damage.mjs';
import { deleteOldMarketData } from './delete-old-market-data.mjs';
import { halveBalances } from './halve-balances.mjs';
import { check, launcher, Stage, startChild, stopEverything } from './stage.mjs';

const engineProgram = fileURLToPath(new URL('../examples/engine/engine.mjs', import.meta.url));
const engineSeconds = 14;

const count = (value) => value.toLocaleString('en-US');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function day(stage) {
  const database = join(stage.folder, 'trading.db');

  await stage.step('Init', 'a new database around twenty years of real daily prices of the S&P 500', async () => {
    await stage.show([
      'init',
      '--database',
      'trading.db',
      '--sample',
      '--orders',
      '20000',
      '--days',
      '30',
      '--seed',
      '7',
      '--yes',
    ]);
    return 'database, configuration, migrations and a sample market';
  });

  await stage.step(
    'Migrate',
    'a schema change: executed on a shadow first, then applied in one transaction with its history row',
    async () => {
      await stage.show(['migrate', 'create', 'add_desk'], { quiet: true });
      const file = readdirSync(join(stage.folder, 'migrations')).find((name) => name.endsWith('_add_desk.sql'));
      check(file !== undefined, 'migrate create wrote no file');
      writeFileSync(
        join(stage.folder, 'migrations', file),
        `-- migrate:up
ALTER TABLE strategies ADD COLUMN desk TEXT NOT NULL DEFAULT 'main' CHECK (desk <> '');
CREATE INDEX strategies_by_desk ON strategies (desk);
-- migrate:down
DROP INDEX strategies_by_desk;
ALTER TABLE strategies DROP COLUMN desk;
`,
      );
      await stage.show(['migrate', 'plan']);
      await stage.show(['migrate', 'up']);
      const status = await stage.report(['migrate', 'status', '--exit-code']);
      check(status.data.pendingCount === 0, 'a migration is still pending');
      return `${status.data.migrations.length} migrations applied, none pending`;
    },
  );

  const archiver = startChild([launcher, 'backup', 'archive', '--quiet'], { cwd: stage.folder });
  await pause(1500);
  check(archiver.child.exitCode === null, `the archiver ended at once: ${archiver.output.stderr}`);
  const engine = startChild(
    [engineProgram, '--database', database, '--seconds', String(engineSeconds), '--rate', '150'],
    { cwd: stage.folder },
  );
  await pause(1500);

  await stage.step(
    'Monitor',
    'the engine trades now in a second process; this looks at it from outside, without opening the database',
    async () => {
      await stage.show(['monitor', '--once']);
      const sample = await stage.report(['monitor', 'sample', '--count', '3', '--interval', '500ms']);
      const commits = sample.data.samples.at(-1).commits - sample.data.samples[0].commits;
      check(commits > 0, 'the monitor saw no commit of the running engine');
      return `${commits} commits seen in one second`;
    },
  );

  await stage.step(
    'Backup',
    'a consistent copy while the engine writes; an archiver keeps every commit from here on',
    async () => {
      await stage.show(['backup', 'create', '--label', 'noon']);
      const list = await stage.report(['backup', 'list']);
      check(
        list.data.points.some((point) => point.label === 'noon'),
        'the backup is not in the list',
      );
      return 'the engine was not stopped';
    },
  );

  await stage.step('Analyze', 'where the bytes are, statistics, settings, indexes; measured on a copy', async () => {
    await stage.show(['analyze'], { expect: [0, 3] });
    return 'the database itself was only read';
  });

  await stage.step('Engine', 'the engine ends its session', async () => {
    const ended = await engine.ended;
    check(ended.code === 0, `the engine ended with ${ended.code}: ${ended.stderr}`);
    const result = JSON.parse(ended.stdout.trim().split('\n').at(-1));
    check(result.fills > 0 && result.errors === 0, `the engine reports ${ended.stdout}`);
    return `${count(result.orders)} orders and ${count(result.fills)} fills acknowledged, ${result.errors} errors`;
  });

  await stage.step(
    'Load test',
    'the trading mix against a scratch copy, timed from the moment each transaction was due',
    async () => {
      await stage.show(
        [
          'loadtest',
          'run',
          '--scenario',
          'oms',
          '--rate',
          '150',
          '--duration',
          '5s',
          '--warmup',
          '1s',
          '--seed',
          '7',
          '--threshold',
          'errors.rate<=0.1%',
        ],
        { expect: [0, 3] },
      );
      return 'thresholds hold; the database was not touched';
    },
  );

  let before = '';
  await stage.step(
    'A bad batch, then a bad disk',
    'a slip halves every balance; then pages in the middle of the file are overwritten',
    async () => {
      before = new Date().toISOString();
      await pause(500);
      const rows = halveBalances(database);
      await pause(500);
      archiver.child.kill('SIGTERM');
      const ended = await archiver.ended;
      check(ended.code === 143, `the archiver ended with ${ended.code ?? ended.signal}: ${ended.stderr}`);
      const pages = damagePages(database, 6);
      return `${count(rows)} balances halved, ${pages} pages overwritten`;
    },
  );

  await stage.step('Health', 'finds it, without trusting the file to SQLite', async () => {
    await stage.show(['health', '--scan-budget', '0s'], { expect: [12, 4] });
    return 'damage reported, exit code says so';
  });

  await stage.step('Backups', 'what can be restored: the backup of noon, and every commit since', async () => {
    await stage.show(['backup', 'verify', '--level', '3']);
    await stage.show(['backup', 'list']);
    return 'every stored byte verified';
  });

  await stage.step(
    'Restore',
    'the moment before the slip, verified while it is read, put in place by an atomic swap',
    async () => {
      await stage.show(['restore', 'run', '--to-time', before, '--replace', '--yes']);
      return `back to ${before}; the damaged file was kept aside`;
    },
  );

  await stage.step('Health again', 'structure, WAL, integrity, and the 32 business rules on the money', async () => {
    const { code } = await stage.show(['health', '--tier', 'daily'], { expect: [0, 3] });
    const report = await stage.report(['health', '--tier', 'daily'], { expect: [0, 3] });
    check(
      report.findings.every((finding) => finding.severity !== 'critical'),
      'the restored database is not healthy',
    );
    return code === 0 ? 'healthy' : 'healthy, with advice';
  });

  await stage.step('Vacuum', 'old candles and quotes are deleted; the space goes back to the disk', async () => {
    const rows = deleteOldMarketData(database);
    check(rows > 0, 'nothing was deleted');
    await stage.show(['vacuum', '--dry-run']);
    const { data } = await stage.report(['vacuum', '--dry-run']);
    check(data.expected.freedPages > 0, 'no gain is expected after a delete');
    await stage.show(['vacuum', '--yes']);
    await stage.show(['vacuum', 'optimize']);
    return `${count(rows)} rows deleted, file compacted, statistics refreshed`;
  });
}

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tradedb-demo-')));
const stage = new Stage(folder);
const leave = (code) => {
  stopEverything();
  rmSync(folder, { recursive: true, force: true });
  process.exitCode = code;
};
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    leave(signal === 'SIGINT' ? 130 : 143);
    process.exit();
  });
}
try {
  await day(stage);
  stage.summary();
  leave(0);
} catch (error) {
  process.stderr.write(`\nthe demo failed: ${error.stack ?? error}\n`);
  leave(1);
}
