import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { endProcess, freePorts, waitForPort } from './server-process.ts';

/** `sshd` of OpenSSH on a loopback port with a configuration of its own: key login, `internal-sftp`, a scratch folder. */
export interface SftpServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  readonly knownHostsFile: string;
  readonly privateKeyFile: string;
  /** A second key that the server does not know. */
  readonly strangeKeyFile: string;
  /** Scratch folder for the repositories. */
  readonly folder: string;
  /** Ends what is connected now; new connections work. */
  cutConnections(): void;
  /** Ends connections and takes no new ones, until `comeBack` on the same port. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

const sshd = '/usr/sbin/sshd';

/** Why it cannot be started here; undefined when it can. */
export function sftpMissing(): string | undefined {
  return existsSync(sshd) ? undefined : 'not installed: openssh-server';
}

export async function startSftp(options: { folder?: string; readOnly?: boolean } = {}): Promise<SftpServer> {
  const place = mkdtempSync(join(tmpdir(), 'tradedb-sshd-'));
  const folder = options.folder ?? join(place, 'scratch');
  mkdirSync(folder, { recursive: true });
  const key = (name: string): string => {
    const file = join(place, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    return file;
  };
  const [hostKey, privateKeyFile, strangeKeyFile] = [key('host'), key('user'), key('stranger')];
  const [port] = (await freePorts(1)) as [number];
  const authorized = join(place, 'authorized_keys');
  writeFileSync(authorized, readFileSync(`${privateKeyFile}.pub`), { mode: 0o600 });
  const [type, body] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ');
  const knownHostsFile = join(place, 'known_hosts');
  writeFileSync(knownHostsFile, `[127.0.0.1]:${port} ${type} ${body}\n`);
  const configuration = join(place, 'sshd_config');
  writeFileSync(
    configuration,
    configurationOf({ port, hostKey, authorized, place, readOnly: options.readOnly === true }),
  );
  if (process.getuid?.() === 0) {
    mkdirSync('/run/sshd', { recursive: true });
    chmodSync(place, 0o755);
  }
  let child: ChildProcess | undefined;
  const comeBack = async (): Promise<void> => {
    if (child !== undefined) return;
    child = spawn(sshd, ['-D', '-e', '-f', configuration], { stdio: 'ignore' });
    await waitForPort(port);
  };
  const goDown = async (): Promise<void> => {
    if (child === undefined) return;
    killDescendants(child.pid ?? 0);
    await endProcess(child);
    child = undefined;
  };
  await comeBack();
  return {
    host: '127.0.0.1',
    port,
    user: userInfo().username,
    knownHostsFile,
    privateKeyFile,
    strangeKeyFile,
    folder,
    cutConnections: () => killDescendants(child?.pid ?? 0),
    goDown,
    comeBack,
    stop: async () => {
      await goDown();
      rmSync(place, { recursive: true, force: true });
    },
  };
}

function configurationOf(place: {
  port: number;
  hostKey: string;
  authorized: string;
  place: string;
  readOnly: boolean;
}): string {
  return `Port ${place.port}
ListenAddress 127.0.0.1
HostKey ${place.hostKey}
AuthorizedKeysFile ${place.authorized}
PidFile ${join(place.place, 'pid')}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
Subsystem sftp internal-sftp${place.readOnly ? ' -R' : ''}
`;
}

/** The processes of the connections: all that descend from the listener, by pid. */
function killDescendants(pid: number): void {
  for (const child of childrenOf(pid)) {
    killDescendants(child);
    try {
      process.kill(child, 'SIGKILL');
    } catch {}
  }
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
