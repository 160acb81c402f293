import { linesOf, titleOf } from '../notification.ts';
import type { Channel } from './channel.ts';
import { post } from './http-post.ts';
import { readAddress } from './secret-file.ts';

/** The JSON that Slack, Mattermost and others take at an incoming webhook. */
export function slack(settings: { readonly urlFile: string; readonly timeoutMs: number }): Channel {
  return {
    async send(notification, context) {
      const lines = linesOf(notification).map((line) => `• ${escapeMarkup(line)}`);
      const body = JSON.stringify({ text: [`*${escapeMarkup(titleOf(notification))}*`, ...lines].join('\n') });
      const headers = {
        'Content-Type': 'application/json',
        'User-Agent': 'tradedb',
        'Idempotency-Key': notification.id,
      };
      await post({ url: readAddress(settings.urlFile), headers, body, timeoutMs: settings.timeoutMs }, context);
    },
  };
}

/** The three characters with a meaning: a file name must not call everybody by `<!channel>`. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
