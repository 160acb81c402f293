import { TradedbError } from '../../error.ts';
import type { Detection, SourceSystem } from './source.ts';
import type { SourceSchema } from './source-schema.ts';
import { sqliteSystems } from './systems.ts';

export interface DetectedSource {
  readonly system: SourceSystem;
  readonly detection: Detection;
}

/** Whose file this is, by its tables. `from` is the name of a system, or `auto`. Throws `unsupported` when it is nobody's. */
export async function detectSource(schema: SourceSchema, from: string): Promise<DetectedSource> {
  const path = JSON.stringify(schema.connection.path);
  for (const [name, load] of Object.entries(sqliteSystems)) {
    if (from !== 'auto' && from !== name) continue;
    const system = await load();
    const detection = system.detect(schema);
    if (detection !== undefined) return { system, detection };
  }
  if (schema.has('order_status_edges') && schema.has('import_sources')) {
    throw new TradedbError('unsupported', `${path} has the trading schema of tradedb already`, {
      hint: 'there is nothing to import: use it as the database itself',
    });
  }
  const tables = schema.tables.slice(0, 8).join(', ');
  throw new TradedbError('unsupported', `${path} is no file of ${from === 'auto' ? 'a known program' : from}`, {
    hint: tables === '' ? 'it has no tables' : `its tables: ${tables}`,
  });
}

/** Throws `unsupported` for a generation that is known and cannot be imported. */
export function requireImportable({ detection }: DetectedSource): void {
  if (detection.refused === undefined) return;
  const { system, generation, label, refused } = detection;
  throw new TradedbError('unsupported', `${system} ${generation} (${label}): ${refused.reason}`, {
    hint: refused.hint,
  });
}
