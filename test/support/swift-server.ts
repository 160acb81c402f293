import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess, freePorts, waitForPort } from './server-process.ts';

/**
 * OpenStack Swift with its s3api filter, from Debian (swift-proxy, -account, -container, -object, memcached): one
 * device, one replica, tempauth. It serves until `stop`.
 */
export interface SwiftServer {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

const programs = ['proxy', 'account', 'container', 'object'].map((name) => `/usr/bin/swift-${name}-server`);

/** Why it cannot be started here; undefined when it can. */
export function swiftMissing(): string | undefined {
  const missing = [...programs, '/usr/bin/swift-ring-builder', '/usr/bin/memcached'].filter(
    (file) => !existsSync(file),
  );
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

export async function startSwift(): Promise<SwiftServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tradedb-swift-'));
  const [proxyPort, accountPort, containerPort, objectPort, memcachedPort] = (await freePorts(5)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const user = process.getuid?.() === 0 ? 'swift' : execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
  const children: ChildProcess[] = [];
  mkdirSync(join(folder, 'devices', 'd1'), { recursive: true });
  buildRing(folder, 'account', accountPort);
  buildRing(folder, 'container', containerPort);
  buildRing(folder, 'object', objectPort);
  for (const [name, port] of [
    ['account', accountPort],
    ['container', containerPort],
    ['object', objectPort],
  ] as const) {
    writeFileSync(join(folder, `${name}.conf`), storageConfiguration(folder, user, name, port));
  }
  writeFileSync(join(folder, 'swift.conf'), swiftConfiguration);
  writeFileSync(join(folder, 'proxy.conf'), proxyConfiguration({ folder, user, port: proxyPort, memcachedPort }));
  if (process.getuid?.() === 0) giveTo(folder, user);
  const start = (program: string, args: readonly string[]): void => {
    const log = openSync(join(folder, 'servers.log'), 'a');
    children.push(
      spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, PATH: '/usr/bin:/bin:/usr/sbin' } }),
    );
    closeSync(log);
  };
  start('/usr/bin/memcached', ['-l', '127.0.0.1', '-p', String(memcachedPort), '-m', '16', '-u', user]);
  for (const name of ['account', 'container', 'object', 'proxy']) {
    start(`/usr/bin/swift-${name}-server`, [join(folder, `${name}.conf`)]);
  }
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(endProcess));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    for (const port of [memcachedPort, accountPort, containerPort, objectPort, proxyPort]) await waitForPort(port);
    const endpoint = `http://127.0.0.1:${proxyPort}`;
    const credentials = { accessKeyId: 'test:tester', secretAccessKey: 'testing' };
    return { endpoint, ...credentials, createBucket: (name) => createBucket(endpoint, credentials, name), stop };
  } catch (error) {
    const log = join(folder, 'servers.log');
    const said = existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : '';
    await stop();
    throw new Error(`swift did not start: ${said}`, { cause: error });
  }
}

async function createBucket(
  endpoint: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
  name: string,
): Promise<void> {
  const { S3mini } = await import('s3mini');
  for (let tries = 0; ; tries++) {
    const client = new S3mini({ ...credentials, endpoint: `${endpoint}/${name}`, region: 'us-east-1' });
    if ((await client.createBucket().catch(() => false)) || (await client.bucketExists().catch(() => false))) return;
    // The account is made by the first request; the servers may still be warming up.
    if (tries > 20) throw new Error('swift does not make a bucket');
    await sleep(250);
  }
}

function buildRing(folder: string, name: string, port: number): void {
  const builder = join(folder, `${name}.builder`);
  const run = (...args: string[]): void => {
    execFileSync('/usr/bin/swift-ring-builder', [builder, ...args], { stdio: 'ignore' });
  };
  run('create', '4', '1', '1');
  run('add', `r1z1-127.0.0.1:${port}/d1`, '1');
  run('rebalance');
}

const swiftConfiguration = `[swift-hash]
swift_hash_path_suffix = test
swift_hash_path_prefix = test
[storage-policy:0]
name = Policy-0
default = yes
`;

function storageConfiguration(folder: string, user: string, name: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${user}
swift_dir = ${folder}
devices = ${join(folder, 'devices')}
mount_check = false
disable_fallocate = true
log_level = ERROR
[pipeline:main]
pipeline = ${name}-server
[app:${name}-server]
use = egg:swift#${name}
`;
}

function proxyConfiguration(place: { folder: string; user: string; port: number; memcachedPort: number }): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${place.port}
workers = 0
user = ${place.user}
swift_dir = ${place.folder}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk s3api tempauth slo dlo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_reader = reading .none
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
dns_compliant_bucket_names = false
location = us-east-1
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${place.memcachedPort}
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
`;
}

function giveTo(folder: string, user: string): void {
  const id = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  const [uid, gid] = [id('-u'), id('-g')];
  for (const path of [folder, join(folder, 'devices'), join(folder, 'devices', 'd1')]) chownSync(path, uid, gid);
}
