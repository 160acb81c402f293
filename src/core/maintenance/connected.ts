import { holdersOf } from '../file-access/lock-table.ts';
import { connectionsOf } from '../file-access/process-name.ts';

/** A process that uses the database. */
export interface ConnectedProcess {
  readonly pid: number;
  /** Text of a stranger: print it through a filter. */
  readonly command: string;
}

export interface ConnectedProcesses {
  readonly processes: readonly ConnectedProcess[];
  /** Somebody uses it, although no process could be named (another container). */
  readonly unnamed: boolean;
  /** False when some processes could not be looked at (other users, or no /proc). */
  readonly complete: boolean;
}

/** Looks for the other processes that use a database; tests hand in their own. */
export type ConnectionProbe = (path: string) => ConnectedProcesses;

/**
 * The real probe: lock table and open descriptors, own process left out. A connection that has run no statement holds
 * no lock and shows only as a descriptor; a process in another container shows as neither.
 */
export function connectionProbe(ownPid: number): ConnectionProbe {
  return (path) => {
    const { openers, complete } = connectionsOf(path);
    const byPid = new Map<number, string>();
    for (const { pid, command } of holdersOf(path) ?? []) byPid.set(pid, command);
    for (const { pid, command } of openers) byPid.set(pid, command);
    // Pid 0 is how the kernel names a holder outside of this pid namespace.
    const unnamed = byPid.delete(0);
    byPid.delete(ownPid);
    const processes = [...byPid].sort(([a], [b]) => a - b).map(([pid, command]) => ({ pid, command }));
    return { processes, unnamed, complete };
  };
}

export function isConnected(connected: ConnectedProcesses): boolean {
  return connected.unnamed || connected.processes.length > 0;
}

/** `pid 4123 (node report.js), pid 4180 (node report.js)`. */
export function nameProcesses({ processes }: ConnectedProcesses): string {
  if (processes.length === 0) return 'a process that cannot be seen from here';
  return processes.map(({ pid, command }) => `pid ${pid} (${command})`).join(', ');
}
