import { execFile } from 'node:child_process';
import type { Logger } from '../../context.ts';

/**
 * Tells systemd how the service is. Node has no datagram socket of the unix family, so the program of systemd does it
 * (the unit needs NotifyAccess=all). Without NOTIFY_SOCKET nothing happens.
 */
export class ServiceNotify {
  readonly #wanted: boolean;
  readonly #log: Logger;
  readonly #program: string;

  constructor(socket: string | undefined, log: Logger, program = 'systemd-notify') {
    this.#wanted = socket !== undefined && socket !== '';
    this.#log = log;
    this.#program = program;
  }

  ready(): void {
    this.#send('READY=1');
  }

  /** Called from the sampling itself, never by a timer: a hanging service must not look alive. */
  alive(): void {
    this.#send('WATCHDOG=1');
  }

  stopping(): void {
    this.#send('STOPPING=1');
  }

  #send(state: string): void {
    if (!this.#wanted) return;
    execFile(this.#program, [state], (error) => {
      if (error !== null) this.#log.warn('notify_failed', { state, error: error.message });
    });
  }
}
