// Packs to and from an SFTP server beside the `sftp` client, and to and from OpenStack Swift by its S3 API beside curl,
// in one run with interleaved rounds. The servers are those of the tests: sshd and Swift on loopback.
//   npm run build && node bench/storage/storage.mjs [megabytes of a pack] [packs] [rounds]
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Bucket } from '../../dist/core/storage/s3.js';
import { SftpFolder } from '../../dist/core/storage/sftp.js';
import { systemClock } from '../../dist/system/system-clock.js';
import { systemRandom } from '../../dist/system/system-random.js';
import { sftpMissing, startSftp } from '../../test/support/sftp-server.ts';
import { startSwift, swiftMissing } from '../../test/support/swift-server.ts';
import { median, print, timed } from '../backup/support.mjs';

const megabytes = Number(process.argv[2] ?? 32);
const packs = Number(process.argv[3] ?? 4);
const rounds = Number(process.argv[4] ?? 3);
const ports = { clock: systemClock, random: systemRandom };
const folder = mkdtempSync(join(tmpdir(), 'tradedb-bench-'));
const names = Array.from({ length: packs }, (_, index) => `pack-${index}`);
const sources = names.map((name) => join(folder, name));
let round = 0;

async function took(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Adopting takes the file away: it gets a copy, made before the clock starts. */
function copies() {
  return sources.map((source, index) => {
    const copy = join(folder, `copy-${round}-${index}`);
    copyFileSync(source, copy);
    return copy;
  });
}

async function ours(storage) {
  const prepared = copies();
  const key = (index) => `db/bench/points/${round}/${names[index]}.pack`;
  const write = await took(async () => {
    for (const [index, file] of prepared.entries()) await storage.adopt(key(index), file);
  });
  const read = await took(async () => {
    for (const index of names.keys()) await storage.read(key(index));
  });
  await storage.close();
  return { write, read };
}

async function sftpClient(server) {
  const access = ['-q', '-P', String(server.port), '-i', server.privateKeyFile];
  const options = ['-o', `UserKnownHostsFile=${server.knownHostsFile}`, '-o', 'BatchMode=yes', '-b'];
  const run = async (lines) => {
    const batch = join(folder, 'batch');
    writeFileSync(batch, lines.join('\n'));
    const target = `${server.user}@127.0.0.1`;
    const result = await timed('sftp', [...access, ...options, batch, target]);
    if (result.code !== 0) throw new Error(result.errors);
    return result.ms;
  };
  const remote = `${server.folder}/client-${round}`;
  mkdirSync(remote, { recursive: true });
  const write = await run(sources.map((source, index) => `put -f ${source} ${remote}/${names[index]}`));
  const read = await run(names.map((name) => `get ${remote}/${name} ${folder}/got-${name}`));
  return { write, read };
}

/** By the API of Swift: curl cannot sign with access keys that hold a colon. */
async function curl(server) {
  const login = ['-H', `X-Storage-User: ${server.accessKeyId}`, '-H', `X-Storage-Pass: ${server.secretAccessKey}`];
  const { output } = await timed('curl', ['-sfi', ...login, `${server.endpoint}/auth/v1.0`]);
  const header = (name) => new RegExp(`^${name}: (\\S+)`, 'im').exec(output)?.[1];
  const url = (name) => `${header('X-Storage-Url')}/bench/curl-${round}/${name}`;
  const run = async (args) => {
    const result = await timed('curl', ['-sf', '-H', `X-Auth-Token: ${header('X-Auth-Token')}`, ...args]);
    if (result.code !== 0) throw new Error(`curl ended with ${result.code}: ${result.errors}`);
    return result.ms;
  };
  const write = await run(sources.flatMap((source, index) => ['-T', source, url(names[index])]));
  const read = await run(names.flatMap((name) => ['-o', join(folder, `got-${name}`), url(name)]));
  return { write, read };
}

async function compare(title, contenders) {
  const results = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let index = 0; index < rounds; index++) {
    round += 1;
    for (const [name, run] of Object.entries(contenders)) results[name].push(await run());
  }
  const [peer, own] = Object.keys(contenders);
  const speed = (name, what) => (packs * megabytes * 1000) / median(results[name].map((one) => one[what]));
  print(
    `${title}: ${packs} packs of ${megabytes} MiB, median of ${rounds}`,
    ['', `${peer}, MiB/s`, `${own}, MiB/s`, 'ratio'],
    ['write', 'read'].map((what) => {
      const [a, b] = [speed(peer, what), speed(own, what)];
      return [what, a.toFixed(0), b.toFixed(0), (b / a).toFixed(2)];
    }),
  );
}

try {
  for (const source of sources) writeFileSync(source, randomBytes(megabytes * 1024 * 1024));
  if (sftpMissing() === undefined) {
    const server = await startSftp();
    try {
      const { host, port, user, knownHostsFile, privateKeyFile } = server;
      const settings = { host, port, user, knownHostsFile, privateKeyFile, passphrase: undefined, agent: undefined };
      const path = `${server.folder}/ours`;
      const open = () =>
        new SftpFolder({ ...settings, path, timeoutMs: 60_000, stateDirectory: folder, unique: 'b' }, ports);
      await compare('SFTP', { 'sftp client': () => sftpClient(server), tradedb: () => ours(open()) });
    } finally {
      await server.stop();
    }
  } else console.log(`SFTP left out: ${sftpMissing()}`);
  if (swiftMissing() === undefined) {
    const server = await startSwift();
    try {
      await server.createBucket('bench');
      const settings = { ...server, bucket: 'bench', region: 'us-east-1', prefix: '', stateDirectory: folder };
      await compare('S3 (Swift)', {
        curl: () => curl(server),
        tradedb: () => ours(new S3Bucket({ ...settings, unique: 'b' }, ports)),
      });
    } finally {
      await server.stop();
    }
  } else console.log(`S3 left out: ${swiftMissing()}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
