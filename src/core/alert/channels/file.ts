import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { toJson } from '../notification.ts';
import { type Channel, DeliveryError } from './channel.ts';

/** Appends one line of JSON per notification, synced to disk. */
export function file(settings: { readonly path: string }): Channel {
  return {
    async send(notification) {
      try {
        const descriptor = openSync(settings.path, 'a', 0o640);
        try {
          // One write with O_APPEND: lines of two processes do not mix.
          writeSync(descriptor, `${toJson(notification)}\n`);
          fsyncSync(descriptor);
        } finally {
          closeSync(descriptor);
        }
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
        throw new DeliveryError(`cannot append to ${JSON.stringify(settings.path)} (${code})`);
      }
    },
  };
}
