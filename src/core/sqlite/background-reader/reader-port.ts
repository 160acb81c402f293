import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { FromReader, ReaderSettings, ToReader } from './protocol.ts';

/** A background reader as its owner sees it, whether it is a thread or a process. */
export interface ReaderPort {
  send(message: ToReader): void;
  /** Keeps the program alive while a query runs, and lets it end while none does. */
  hold(on: boolean): void;
  /** Resolves when it is gone. A thread inside a statement ends after the statement; a process at once. */
  end(): Promise<void>;
}

export interface ReaderEvents {
  onMessage(message: FromReader): void;
  /** It ended without being asked to. */
  onCrash(error: Error): void;
}

/** In the sources the entry is a `.ts` whose types Node strips; compiled it is a `.js`. */
const typed = import.meta.url.endsWith('.ts');
const execArgv = typed ? ['--experimental-strip-types', '--disable-warning=ExperimentalWarning'] : [];
const entry = (name: string): URL => new URL(`./${name}${typed ? '.ts' : '.js'}`, import.meta.url);

export function startThread(settings: ReaderSettings, events: ReaderEvents): ReaderPort {
  const worker = new Worker(entry('reader-thread-main'), { workerData: settings, execArgv });
  let ending = false;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.on('message', (message: FromReader) => events.onMessage(message));
  const crashed = once(events.onCrash);
  worker.on('error', (error) => crashed(error instanceof Error ? error : new Error(String(error))));
  worker.on('exit', (code) => {
    if (!ending) crashed(new Error(`the reader thread ended with code ${code}`));
  });
  worker.unref();
  return {
    send: (message) => worker.postMessage(message),
    hold: (on) => (on ? worker.ref() : worker.unref()),
    end: () => {
      ending = true;
      worker.postMessage({ type: 'close' } satisfies ToReader);
      return exited;
    },
  };
}

export function startProcess(settings: ReaderSettings, events: ReaderEvents): ReaderPort {
  const child = fork(fileURLToPath(entry('reader-process-main')), [JSON.stringify(settings)], {
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let ending = false;
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-2000);
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.on('message', (message) => events.onMessage(message as FromReader));
  const crashed = once(events.onCrash);
  child.on('error', (error) => crashed(error));
  child.on('exit', (code, signal) => {
    if (!ending) crashed(new Error(`the reader process ended with ${signal ?? code}: ${stderr.trim()}`));
  });
  return {
    send: (message) => void child.send(message),
    hold: () => {},
    end: () => {
      ending = true;
      if (child.pid === undefined) return Promise.resolve();
      child.kill('SIGKILL');
      return exited;
    },
  };
}

/** A failed start reports itself as an error and as an end; the second may come after a new start. */
function once(report: (error: Error) => void): (error: Error) => void {
  let done = false;
  return (error) => {
    if (!done) report(error);
    done = true;
  };
}
