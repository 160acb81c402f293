import * as v from 'valibot';
import { type Config, configSchema } from '../../src/core/config/schema.ts';

/** The configuration that a file with this content makes. */
export function loadDefaults(content: Record<string, unknown> = {}): Config {
  return v.parse(configSchema, content);
}
