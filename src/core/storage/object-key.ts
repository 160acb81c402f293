import { TradedbError } from '../error.ts';

/** The parts of an object key; throws `repository_invalid` for one that could leave the repository. */
export function keyParts(key: string): readonly string[] {
  const parts = key.split('/');
  if (parts.some((part) => part === '..' || part === '.' || part.includes('\\') || part.includes('\u0000'))) {
    throw new TradedbError('repository_invalid', `${JSON.stringify(key)} is no object key`);
  }
  return parts;
}
