import { readFileSync } from 'node:fs';
import { DeliveryError } from './channel.ts';

/** First line of a file that holds a secret. It is read for every use, so that a changed one counts at once. */
export function readSecret(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    throw new DeliveryError(`cannot read ${JSON.stringify(path)} (${code})`);
  }
  const [line = ''] = text.split('\n');
  if (line.trim() === '') throw new DeliveryError(`${JSON.stringify(path)} is empty`);
  return line.trim();
}

/** An http or https address from such a file. */
export function readAddress(path: string): URL {
  const text = readSecret(path);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new DeliveryError(`${JSON.stringify(path)} holds no http or https address`);
  }
  return url;
}
