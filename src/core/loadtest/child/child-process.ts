import { fork, type ChildProcess as NodeChild } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, TradedbError } from '../../error.ts';
import type { ErrorMessage } from './protocol.ts';

/** Bytes of a child's stderr that are kept; the rest is read and dropped, so that a flood never blocks it. */
const keptStderr = 4000;

export interface ChildOptions {
  readonly workingDirectory?: string;
  /** Replaces the inherited environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Receives what the child writes to stdout; it is dropped otherwise. */
  readonly output?: (text: string) => void;
}

/**
 * A process that opens SQLite on behalf of the parent. It answers by messages; when it dies, every wait for an answer
 * fails with what it last wrote to stderr.
 */
export class ChildProcess<In extends object, Out extends { readonly type: string }> {
  readonly name: string;
  readonly #process: NodeChild;
  readonly #exited: Promise<void>;
  readonly #queue: Out[] = [];
  readonly #waiting: { wake(): void }[] = [];
  #stderr = '';
  #exit: string | undefined;
  #listener: ((message: Out) => boolean) | undefined;

  /** `entry` is the module of the child, `name` says who it is in messages. */
  constructor(entry: URL, name: string, options: ChildOptions = {}) {
    this.name = name;
    const path = fileURLToPath(entry);
    // Development runs the sources: Node before 22.18 strips types only when asked to.
    const execArgv = path.endsWith('.ts')
      ? ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
      : [];
    this.#process = fork(path, [], {
      serialization: 'advanced',
      stdio: ['ignore', options.output === undefined ? 'ignore' : 'pipe', 'pipe', 'ipc'],
      execArgv,
      ...(options.workingDirectory === undefined ? {} : { cwd: options.workingDirectory }),
      ...(options.environment === undefined ? {} : { env: { ...options.environment } }),
    });
    const { output } = options;
    if (output !== undefined) this.#process.stdout?.setEncoding('latin1').on('data', output);
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-keptStderr);
    });
    this.#process.on('message', (message) => this.#receive(message as Out));
    this.#exited = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#exit ??= why;
        this.#wakeAll();
        resolve();
      };
      this.#process.once('error', (error) => end(error.message));
      this.#process.once('close', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get exited(): Promise<void> {
    return this.#exited;
  }

  /** Sees every message first; true keeps it from `next`. */
  onMessage(listener: (message: Out) => boolean): void {
    this.#listener = listener;
  }

  send(message: In): void {
    // A child that has just died is noticed by `next`; the error of the broken channel would only hide why.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** The next message of this type; an error message or the end of the child throws. */
  async next<T extends Out['type']>(type: T): Promise<Extract<Out, { type: T }>> {
    for (;;) {
      const error = this.#queue.find((message) => message.type === 'error') as ErrorMessage | undefined;
      if (error !== undefined) throw asError(error);
      const index = this.#queue.findIndex((message) => message.type === type);
      if (index >= 0) return this.#queue.splice(index, 1)[0] as Extract<Out, { type: T }>;
      if (this.#exit !== undefined) throw this.#died();
      await new Promise<void>((resolve) => this.#waiting.push({ wake: resolve }));
    }
  }

  /** Ends the process at once and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#exit === undefined) this.#process.kill('SIGKILL');
    await this.#exited;
  }

  #receive(message: Out): void {
    if (this.#listener?.(message) === true) return;
    this.#queue.push(message);
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const waiting of this.#waiting.splice(0)) waiting.wake();
  }

  #died(): TradedbError {
    const said = this.#stderr.trim().split('\n').slice(-5).join(' | ');
    return new TradedbError('child_failed', `the ${this.name} process ended early (${this.#exit})`, {
      hint: said === '' ? 'it may have been killed; try again' : said,
      details: { stderr: this.#stderr },
    });
  }
}

function asError(message: ErrorMessage): TradedbError {
  return new TradedbError(message.code as ErrorCode, message.message, {
    ...(message.hint === undefined ? {} : { hint: message.hint }),
    ...(message.sqliteCode === undefined ? {} : { details: { sqliteCode: message.sqliteCode } }),
  });
}

/** The entry file of a child in this folder, with the extension the running code has: `.ts` in the sources, `.js` built. */
export function childEntry(name: 'client-main' | 'prepare-main' | 'verify-main' | 'scan-main'): URL {
  return new URL(`./${name}${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url);
}
