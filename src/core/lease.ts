import { createHash } from 'node:crypto';
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock, OperationContext, Random } from './context.ts';
import { fromFileSystem, TradedbError } from './error.ts';
import { makeFolder } from './make-folder.ts';

/**
 * A lease says "somebody works on this". It is a small file that appears whole or not at all. The lease of a holder
 * that died on this machine is void at once, that of another machine when it has expired. Leases save work and give a
 * clear message; what must never happen is prevented elsewhere (locks of SQLite, unique names, immutable objects).
 */

export interface LeaseOwner {
  readonly pid: number;
  readonly hostname: string;
}

export interface LeaseRequest {
  /** Folder of the lease files; created when missing. */
  readonly directory: string;
  /** File name without extension; two requests with the same name exclude each other. */
  readonly name: string;
  /** What the holder does, for the message of whoever comes second, such as `backup create`. */
  readonly purpose: string;
  readonly owner: LeaseOwner;
  /** How long the lease of a holder on another machine stays valid without renewal; 2 minutes by default. */
  readonly expiryMs?: number;
}

/** A process that cannot be taken for a later one with the same number. */
export interface ProcessIdentity extends LeaseOwner {
  readonly bootId: string | null;
  readonly processStart: string | null;
}

export interface LeaseHolder extends ProcessIdentity {
  readonly purpose: string;
  readonly token: string;
  readonly since: string;
  /** Milliseconds since 1970 UTC. */
  readonly expiresAt: number;
}

export interface Lease {
  /** Renews the lease and looks: false once somebody else has found it void and taken it. */
  isHeld(): boolean;
  /** Gives the lease back; a second call does nothing. */
  release(): void;
}

interface LeasePorts {
  readonly clock: Clock;
  readonly random: Random;
}

const defaultExpiryMs = 120_000;

export function identifyProcess(owner: LeaseOwner): ProcessIdentity {
  return { ...owner, bootId: readBootId(), processStart: readProcessStart(owner.pid) };
}

/** Name of the lease that everything that changes or copies one database shares. */
export function databaseLeaseName(databasePath: string): string {
  let real = databasePath;
  try {
    real = realpathSync(databasePath);
  } catch {
    // A database that is about to be made has no real path yet; its given one is as good.
  }
  return `database-${createHash('sha256').update(real).digest('hex').slice(0, 16)}`;
}

/** Where the leases of databases lie: one folder for everybody, or they would not exclude each other. */
export function databaseLeaseFolder(stateDirectory: string): string {
  return join(stateDirectory, 'leases');
}

/** Takes the lease, or throws `lease_held` that names the holder. It renews itself until it is released. */
export function acquireLease(request: LeaseRequest, ports: LeasePorts): Lease {
  const file = join(request.directory, `${request.name}.json`);
  const expiryMs = request.expiryMs ?? defaultExpiryMs;
  const first = newHolder({ ...request, expiryMs }, ports);
  const { token } = first;
  const holder = (): LeaseHolder => ({ ...first, expiresAt: ports.clock.wallTime() + expiryMs });
  makeFolder(request.directory);
  while (!place(file, holder())) {
    const other = readLease(file);
    if (other === undefined) continue;
    const isVoid = (one: LeaseHolder) => !isHeld(one, request.owner.hostname, ports.clock.wallTime());
    if (!isVoid(other)) throw leaseHeldBy(other);
    removeIf(file, token, isVoid);
  }
  return keep(file, token, holder, expiryMs, ports.clock);
}

/** What a lease says of the process that holds it, with a token of its own. */
export function newHolder(
  request: Pick<LeaseRequest, 'owner' | 'purpose'> & { readonly expiryMs: number },
  ports: LeasePorts,
): LeaseHolder {
  const now = ports.clock.wallTime();
  return {
    ...request.owner,
    purpose: request.purpose,
    token: Buffer.from(ports.random.bytes(8)).toString('hex'),
    bootId: readBootId(),
    processStart: readProcessStart(request.owner.pid),
    since: new Date(now).toISOString(),
    expiresAt: now + request.expiryMs,
  };
}

/** Whether the holder, a process of this machine since it was started, lives; undefined for one that cannot be seen. */
export function isHeldHere(holder: ProcessIdentity): boolean | undefined {
  const bootId = readBootId();
  if (bootId === null || holder.bootId !== bootId) return undefined;
  return holder.processStart !== null && readProcessStart(holder.pid) === holder.processStart;
}

/** Takes leases, and while somebody else holds one tries again for `waitMs`. */
export async function waitForLease<T>(
  take: () => T | Promise<T>,
  waitMs: number,
  { clock, signal }: Pick<OperationContext, 'clock' | 'signal'>,
): Promise<T> {
  const end = clock.now() + waitMs;
  for (;;) {
    try {
      return await take();
    } catch (error) {
      const held = error instanceof TradedbError && error.code === 'lease_held';
      if (!held || clock.now() >= end) throw error;
      await clock.sleep(Math.min(leaseRetryMs, Math.max(1, end - clock.now())), signal);
    }
  }
}

const leaseRetryMs = 200;

/** The holder of a lease that is valid now; undefined when it is free. */
export function currentHolder(
  request: Pick<LeaseRequest, 'directory' | 'name' | 'owner'>,
  clock: Clock,
): LeaseHolder | undefined {
  const other = readLease(join(request.directory, `${request.name}.json`));
  return other !== undefined && isHeld(other, request.owner.hostname, clock.wallTime()) ? other : undefined;
}

function keep(file: string, token: string, holder: () => LeaseHolder, expiryMs: number, clock: Clock): Lease {
  let released = false;
  let cancel = (): void => {};
  const renew = (): void => {
    cancel = clock.after(expiryMs / 3, () => {
      if (released || readLease(file)?.token !== token) return;
      renewNow(file, holder());
      renew();
    });
  };
  renew();
  return {
    isHeld() {
      if (released) return false;
      renewNow(file, holder());
      return readLease(file)?.token === token;
    },
    release() {
      if (released) return;
      released = true;
      cancel();
      if (readLease(file)?.token === token) removeIf(file, token, (one) => one.token === token);
    },
  };
}

/**
 * Written into the file that has our token, never over a name: when somebody has moved it away meanwhile, the lease that
 * is there now stays as it is. Needs no space, and where it fails, the holder on this machine is known to live anyway.
 */
function renewNow(file: string, holder: LeaseHolder): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r+');
    const before = readFileSync(descriptor, 'utf8');
    if ((JSON.parse(before) as LeaseHolder).token !== holder.token) return;
    writeSync(descriptor, textOf(holder).padEnd(before.length), 0);
  } catch {
    // The next renewal tries again; the lease lives through two of them.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Room for a longer time, so that a renewal never makes the file longer. */
function textOf(holder: LeaseHolder): string {
  const text = JSON.stringify(holder);
  return text.padEnd(text.length + 8);
}

/** False when the name is taken. A hard link appears with its content, which a created file does not. */
function place(file: string, holder: LeaseHolder): boolean {
  const temporary = `${file}.${holder.token}`;
  try {
    writeFileSync(temporary, textOf(holder));
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code === 'EEXIST') return false;
    if (error.code !== 'EPERM' && error.code !== 'ENOTSUP' && error.code !== 'EOPNOTSUPP') throw unplaced(error, file);
    return placeWithoutLinks(file, holder);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function unplaced(error: Error, file: string): unknown {
  const translated = fromFileSystem(error, file);
  if (!(translated instanceof TradedbError) || translated.code !== 'disk_full') return translated;
  const hint = 'free some space there, or name another folder (state.directory)';
  return new TradedbError('disk_full', translated.message, { hint, cause: error });
}

function placeWithoutLinks(file: string, holder: LeaseHolder): boolean {
  try {
    writeFileSync(file, textOf(holder), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Moves the lease away by name and looks at what was moved: one that is not to go (a fresh one of somebody quicker, or one
 * that was renewed at this very moment) goes back.
 */
function removeIf(file: string, token: string, isToGo: (holder: LeaseHolder) => boolean): void {
  const aside = `${file}.void-${token}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const moved = readLease(aside);
  if (moved !== undefined && !isToGo(moved)) putBack(aside, file, moved);
  rmSync(aside, { force: true });
}

/** The same file, so that its holder goes on renewing it. Where somebody has the name by now, it is lost. */
function putBack(aside: string, file: string, holder: LeaseHolder): void {
  try {
    linkSync(aside, file);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code !== 'EEXIST') placeWithoutLinks(file, holder);
  }
}

function readLease(file: string): LeaseHolder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LeaseHolder;
  } catch (error) {
    if (error instanceof SyntaxError) return unreadable;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A torn lease file (power loss) belongs to nobody. */
const unreadable: LeaseHolder = {
  pid: 0,
  hostname: '',
  purpose: 'unknown',
  token: '',
  bootId: null,
  processStart: null,
  since: '',
  expiresAt: 0,
};

/** On this machine the process itself is asked; on another one only `expiresAt` can tell. */
export function isHeld(
  holder: ProcessIdentity & Pick<LeaseHolder, 'expiresAt'>,
  hostname: string,
  now: number,
): boolean {
  const here = isHeldHere(holder);
  if (here !== undefined) return here;
  const bootId = readBootId();
  if (holder.hostname === hostname && holder.bootId !== null && bootId !== null) return false;
  return holder.expiresAt > now;
}

/** The error of whoever was held up for so long that somebody else has gone on meanwhile. */
export function leaseLost(purpose: string): TradedbError {
  return new TradedbError('lease_lost', `${purpose} was held up for so long that its lease ran out and was taken`, {
    hint: 'what it did counts as not done; start it again (a longer backup.leases.expiry bridges longer pauses)',
  });
}

/** The error of whoever comes second. */
export function leaseHeldBy(holder: LeaseHolder): TradedbError {
  return new TradedbError(
    'lease_held',
    `${holder.purpose} is already running (pid ${holder.pid} on ${holder.hostname}, since ${holder.since})`,
    { hint: 'wait until it has ended, or end that process', details: { ...holder } },
  );
}

function readBootId(): string | null {
  return readSmall('/proc/sys/kernel/random/boot_id');
}

/** Start time of a process in clock ticks since boot: tells it from a later one with the same pid. */
function readProcessStart(pid: number): string | null {
  const stat = readSmall(`/proc/${pid}/stat`);
  // The name in brackets may hold spaces and brackets; field 22 of proc(5) is the 20th behind the last bracket.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function readSmall(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
