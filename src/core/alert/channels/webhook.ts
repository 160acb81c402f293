import { createHmac } from 'node:crypto';
import { toJson } from '../notification.ts';
import type { Channel } from './channel.ts';
import { post } from './http-post.ts';
import { readAddress, readSecret } from './secret-file.ts';

/** JSON by POST. With a secret the body is signed: `X-Tradedb-Signature: sha256=<HMAC-SHA256 in hex>`. */
export function webhook(settings: {
  readonly urlFile: string;
  readonly secretFile: string | undefined;
  readonly timeoutMs: number;
}): Channel {
  return {
    async send(notification, context) {
      const body = toJson(notification);
      const headers: Record<string, string> = {
        'Content-Type': 'application/json',
        'User-Agent': 'tradedb',
        'Idempotency-Key': notification.id,
      };
      if (settings.secretFile !== undefined) {
        const digest = createHmac('sha256', readSecret(settings.secretFile)).update(body).digest('hex');
        headers['X-Tradedb-Signature'] = `sha256=${digest}`;
      }
      await post({ url: readAddress(settings.urlFile), headers, body, timeoutMs: settings.timeoutMs }, context);
    },
  };
}
