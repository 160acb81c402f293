import type { ReaderReply, ReaderRequest } from './reader-protocol.ts';
import { toErrorData } from './reader-protocol.ts';

/** The child's end of the channel: `process` of the entry file. */
export interface ChildPort {
  send?(message: ReaderReply): unknown;
  on(event: 'message', listener: (message: ReaderRequest) => void): unknown;
  on(event: 'disconnect' | 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(code: number): never;
}

export type ReaderHandlers = Readonly<
  Record<string, (input: never, emit: (event: unknown) => void) => unknown | Promise<unknown>>
>;

/**
 * Answers requests until the parent goes away. Interrupts of the terminal reach the whole process group; the parent
 * decides what they mean, so the child ignores them.
 */
export function serveReader(port: ChildPort, handlers: ReaderHandlers): void {
  const send = (message: ReaderReply): void => {
    port.send?.(message);
  };
  port.on('SIGINT', () => {});
  port.on('SIGTERM', () => {});
  port.on('disconnect', () => port.exit(0));
  port.on('message', ({ id, operation, input }) => {
    const path =
      typeof input === 'object' && input !== null && 'path' in input ? String(input.path) : 'the database file';
    const answer = async (): Promise<unknown> => {
      const handler = handlers[operation];
      if (handler === undefined) throw new Error(`unknown reader operation ${operation}`);
      return handler(input as never, (event) => send({ event }));
    };
    answer().then(
      (value) => send({ id, value }),
      (error: unknown) => send({ id, error: toErrorData(error, path) }),
    );
  });
}
