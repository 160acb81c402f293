import { TradedbError } from '../core/error.ts';

export interface Interruption {
  readonly signal: AbortSignal;
  /** Exit code of the signal that came, if one came. */
  exitCode(): 130 | 143 | undefined;
  /** Stops listening. */
  release(): void;
}

/** The first SIGINT or SIGTERM asks the work to stop and clean up; the second ends the process at once. */
export function listenForSignals(): Interruption {
  const controller = new AbortController();
  let code: 130 | 143 | undefined;
  const on = (exit: 130 | 143) => () => {
    if (code !== undefined) process.exit(exit);
    code = exit;
    controller.abort(new TradedbError('cancelled', exit === 130 ? 'interrupted' : 'terminated'));
  };
  const onInterrupt = on(130);
  const onTerminate = on(143);
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  return {
    signal: controller.signal,
    exitCode: () => code,
    release: () => {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onTerminate);
    },
  };
}

/** Calls `listener` at each SIGHUP instead of ending; returns how to stop that. Windows has no such signal. */
export function onHangup(listener: () => void): () => void {
  process.on('SIGHUP', listener);
  return () => void process.off('SIGHUP', listener);
}
