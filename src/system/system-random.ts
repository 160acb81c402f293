import type { Random } from '../core/context.ts';

/** The real source of chance, for composition roots alone. */
export const systemRandom: Random = {
  next: () => Math.random(),
  // An import of node:crypto costs every start several milliseconds; few commands need such bytes.
  bytes: (length) => process.getBuiltinModule('node:crypto').randomBytes(length),
};
