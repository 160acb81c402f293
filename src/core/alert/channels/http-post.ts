import { type ClientRequest, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { OperationContext } from '../../context.ts';
import { DeliveryError } from './channel.ts';

export interface HttpPost {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
}

/**
 * Posts and waits for a status of 2xx. Redirects are not followed: the body would go to somebody who was not asked. What
 * the receiver says beyond the status is not read.
 */
export function post(wish: HttpPost, { clock, signal }: OperationContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const send = wish.url.protocol === 'https:' ? httpsRequest : httpRequest;
    const length = Buffer.byteLength(wish.body);
    const headers = { ...wish.headers, 'Content-Length': String(length), Connection: 'close' };
    let request: ClientRequest;
    try {
      request = send(wish.url, { method: 'POST', headers, agent: false });
    } catch {
      // Such as a bare "%" in the password. The error may hold the address.
      reject(new DeliveryError('failed: the address cannot be used'));
      return;
    }
    const settle = (error?: DeliveryError): void => {
      cancelTimeout();
      signal.removeEventListener('abort', abort);
      if (error === undefined) resolve();
      else reject(error);
      request.destroy();
    };
    const abort = (): void => settle(new DeliveryError('interrupted'));
    const cancelTimeout = clock.after(wish.timeoutMs, () =>
      settle(new DeliveryError(`no answer within ${wish.timeoutMs} ms`)),
    );
    signal.addEventListener('abort', abort);
    request.on('response', (response) => {
      response.on('error', () => {});
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) settle();
      else
        settle(
          new DeliveryError(`answered ${status}${status >= 300 && status < 400 ? ', which is not followed' : ''}`),
        );
    });
    // The message of the error may hold the address; its code does not.
    request.on('error', (error: NodeJS.ErrnoException) =>
      settle(new DeliveryError(`failed: ${error.code ?? 'connection'}`)),
    );
    // An answer of 101 ends in neither a response nor an error.
    request.on('close', () => settle(new DeliveryError('failed: connection')));
    if (signal.aborted) abort();
    else request.end(wish.body);
  });
}
