import * as v from 'valibot';
import type { Config } from '../../src/core/config/schema.ts';
import { connectionSection } from '../../src/core/config/section/database.ts';

/** The section `connection` with its defaults. */
export function parseConnection(given: object): Config['connection'] {
  return v.parse(connectionSection, given);
}
