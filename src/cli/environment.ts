import { readFileSync } from 'node:fs';
import { availableParallelism, hostname, tmpdir, userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Host } from '../commands/definition.ts';

const packageFile = new URL('../../package.json', import.meta.url);

export function programVersion(): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
}

/** What this process is and runs in. Costly facts are looked up when they are asked for. */
export function currentHost(): Host {
  return {
    workingDirectory: process.cwd(),
    execPath: process.execPath,
    launcher: fileURLToPath(new URL('../../bin/tradedb.js', import.meta.url)),
    get version() {
      return programVersion();
    },
    get hostname() {
      return hostname();
    },
    platform: process.platform,
    pid: process.pid,
    get cores() {
      return availableParallelism();
    },
    get userName() {
      // A numeric user without an entry in the user table (a container) has no name.
      try {
        return userInfo().username;
      } catch {
        return String(process.getuid?.() ?? 'unknown');
      }
    },
    temporaryDirectory: tmpdir(),
    environment: (name) => process.env[name],
    environmentNames: () => Object.keys(process.env),
    terminal: {
      stdin: process.stdin.isTTY === true,
      stdout: process.stdout.isTTY === true,
      stderr: process.stderr.isTTY === true,
      columns: process.stdout.columns ?? 80,
      rows: process.stdout.rows ?? 24,
    },
  };
}
