import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';

/** What the kernel says about other processes. Everything here is text of strangers: print it through a filter. */

/** Command line with its arguments joined by spaces; the short name in brackets for kernel threads; `?` when hidden. */
export function processCommand(pid: number): string {
  const line = read(`/proc/${pid}/cmdline`)?.replace(/\0+$/, '').replaceAll('\0', ' ');
  if (line !== undefined && line !== '') return line;
  const name = read(`/proc/${pid}/comm`)?.trimEnd();
  return name === undefined || name === '' ? '?' : `[${name}]`;
}

/** Start in clock ticks since boot (field 22 of proc_pid_stat(5)); empty when it cannot be read. */
export function processStartTime(pid: number): string {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return '';
  // The name in parentheses may hold spaces and parentheses itself: fields are counted behind the last one.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

export interface OpenerList {
  readonly openers: readonly { readonly pid: number; readonly command: string }[];
  /** False when descriptors of some processes could not be looked at (other users, or no /proc). */
  readonly complete: boolean;
}

/**
 * The processes that have `path` open, also those that hold no lock yet. Looks at every descriptor of every process,
 * which takes about 100 ms: only for decisions that need it.
 */
export function openersOf(path: string): OpenerList {
  let wanted: string;
  let pids: string[];
  try {
    wanted = realpathSync(path);
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return { openers: [], complete: false };
  }
  const openers: { pid: number; command: string }[] = [];
  let complete = true;
  for (const pid of pids) {
    const found = hasOpen(pid, wanted);
    if (found === undefined) complete = false;
    else if (found) openers.push({ pid: Number(pid), command: processCommand(Number(pid)) });
  }
  return { openers, complete };
}

/** Ends the command line of every sampler of `monitor`, of whatever installation. */
const samplerEntry = /\/core\/monitor\/sampler\/sampler-main\.[jt]s$/;

/**
 * A sampler of `monitor` has a database open and is no user of it: it reads the file as bytes, never with SQLite, and
 * follows it when another takes its place.
 */
export function isSampler({ command }: { readonly command: string }): boolean {
  return samplerEntry.test(command);
}

/** The openers that a file must not be taken away from. */
export function connectionsOf(path: string): OpenerList {
  const { openers, complete } = openersOf(path);
  return { openers: openers.filter((opener) => !isSampler(opener)), complete };
}

/** Undefined: not allowed to look. */
function hasOpen(pid: string, wanted: string): boolean | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${descriptor}`) === wanted;
      } catch {
        return false;
      }
    });
  } catch (error) {
    // A process that has just ended is no reason to doubt the list.
    return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
      ? false
      : undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
