import type { OperationContext } from '../context.ts';
import { DeliveryError } from './channels/channel.ts';
import { post } from './channels/http-post.ts';
import { readAddress } from './channels/secret-file.ts';

export type HeartbeatEvent = 'start' | 'success' | 'fail';

/**
 * Tells a dead man's switch that a job began, worked or failed: POST to the address, with `/start` or `/fail` behind its
 * path. A ping that does not arrive fails nothing here: its absence is what the other side watches for. Returns why it
 * did not arrive, or undefined.
 */
export async function ping(
  settings: { readonly urlFile: string; readonly timeoutMs: number },
  event: HeartbeatEvent,
  context: OperationContext,
): Promise<string | undefined> {
  try {
    const url = readAddress(settings.urlFile);
    if (event !== 'success') url.pathname = `${url.pathname.replace(/\/$/, '')}/${event}`;
    await post({ url, headers: { 'User-Agent': 'tradedb' }, body: '', timeoutMs: settings.timeoutMs }, context);
    return undefined;
  } catch (error) {
    if (error instanceof DeliveryError) return error.message;
    throw error;
  }
}
