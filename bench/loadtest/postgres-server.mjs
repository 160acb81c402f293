// A PostgreSQL server of its own for one bench: on a Unix socket in its folder, nothing on the network, ended by its pid.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The programs of the newest PostgreSQL that Debian installed, or undefined. */
export function findPostgres() {
  const versions = '/usr/lib/postgresql';
  if (!existsSync(versions)) return undefined;
  const folders = readdirSync(versions)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, 'bin'));
  return folders.find((folder) => existsSync(join(folder, 'pgbench')) && existsSync(join(folder, 'postgres')));
}

/** The server refuses to run as root; Debian's package makes a user for it. */
function owner() {
  if (process.getuid?.() !== 0) return {};
  const id = (/** @type {string} */ flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * @param {string} bin
 * @param {string} parent a folder that the server's user may enter
 */
export async function startPostgres(bin, parent) {
  const user = owner();
  const folder = join(parent, 'postgres');
  mkdirSync(folder);
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const options = { ...user, cwd: folder, encoding: /** @type {const} */ ('utf8') };
  const data = join(folder, 'data');
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '--locale', 'C'], options);
  const child = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'shared_buffers=256MB', '-c', 'max_wal_size=4GB'],
    { ...user, cwd: folder, stdio: 'ignore' },
  );
  const connect = ['-h', folder, '-U', 'bench'];
  const psql = (/** @type {string} */ sql) =>
    execFileSync(join(bin, 'psql'), [...connect, '-d', 'postgres', '-qtAX', '-v', 'ON_ERROR_STOP=1', '-c', sql], {
      ...options,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  for (let tries = 0; ; tries++) {
    try {
      psql('SELECT 1');
      break;
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(100);
    }
  }
  const script = join(folder, 'transaction.sql');
  return {
    version: psql('SHOW server_version'),
    psql,
    /**
     * Transactions per second of pgbench with prepared statements.
     * @param {string} sql
     * @param {{ clients: number, seconds: number, sync: boolean }} run
     */
    pgbench(sql, { clients, seconds, sync }) {
      writeFileSync(script, sql);
      const run = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '1', '-T', String(seconds), '-f', script];
      const output = execFileSync(join(bin, 'pgbench'), [...connect, ...run, 'postgres'], {
        ...options,
        env: { ...process.env, PGOPTIONS: `-c synchronous_commit=${sync ? 'on' : 'off'}` },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return Number(/^tps = ([0-9.]+)/m.exec(output)?.[1]);
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      await ended;
    },
  };
}
