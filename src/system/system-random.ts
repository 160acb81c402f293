import { randomBytes } from 'node:crypto';
import type { Random } from '../core/context.ts';

/** The real source of chance, for composition roots alone. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (length) => randomBytes(length),
};
