import { TradedbError } from '../error.ts';

/** How long rows of a kind must exist somewhere. A name with a duration, not legal advice. */
export interface RetentionClass {
  readonly name: string;
  /** Null: for ever. */
  readonly ms: number | null;
}

const forEver = 'permanent';

/** The class of this name; `permanent` is always there. Throws `usage` for an unknown one. */
export function retentionClass(name: string, configured: Readonly<Record<string, number>>): RetentionClass {
  const ms = Object.hasOwn(configured, name) ? configured[name] : undefined;
  if (ms !== undefined) return { name, ms };
  if (name === forEver) return { name, ms: null };
  throw new TradedbError('usage', `there is no retention class ${JSON.stringify(name)}`, {
    hint: `one of ${[...Object.keys(configured), forEver].join(', ')}; see trading.retentionClasses`,
  });
}
