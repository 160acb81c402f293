import { TradedbError } from '../../error.ts';
import type { Mapping } from '../mapping/mapping.ts';
import type { Detection, SourceSystem } from './source.ts';
import type { SourceSchema } from './source-schema.ts';
import { sqliteSystems } from './systems.ts';

export interface DetectedSource {
  readonly system: SourceSystem;
  readonly detection: Detection;
}

/**
 * Whose file this is, by its tables. `from` is the name of a system, or `auto`; with a mapping it is the operator's own.
 * Throws `unsupported` when it is nobody's.
 */
export async function detectSource(
  schema: SourceSchema,
  from: string,
  mapping: Mapping | undefined = undefined,
): Promise<DetectedSource> {
  for (const system of await candidates(from, mapping)) {
    const detection = system.detect(schema);
    if (detection !== undefined) return { system, detection };
  }
  const path = JSON.stringify(schema.connection.path);
  if (schema.has('order_status_edges') && schema.has('import_sources')) {
    throw new TradedbError('unsupported', `${path} has the trading schema of tradedb already`, {
      hint: 'there is nothing to import: use it as the database itself',
    });
  }
  const tables = schema.tables.slice(0, 8).join(', ');
  const whose = mapping !== undefined ? `the mapping ${mapping.name}` : from === 'auto' ? 'a known program' : from;
  throw new TradedbError('unsupported', `${path} is no file of ${whose}`, {
    hint: tables === '' ? 'it has no tables' : `its tables: ${tables}`,
  });
}

async function candidates(from: string, mapping: Mapping | undefined): Promise<readonly SourceSystem[]> {
  if (mapping !== undefined) {
    const { mappingSystem } = await import('./mapped/system.ts');
    return [mappingSystem(mapping)];
  }
  const systems = Object.entries(sqliteSystems).filter(([name]) => from === 'auto' || from === name);
  return Promise.all(systems.map(([, load]) => load()));
}

/** Throws `unsupported` for a generation that is known and cannot be imported. */
export function requireImportable({ detection }: DetectedSource): void {
  if (detection.refused === undefined) return;
  const { system, generation, label, refused } = detection;
  throw new TradedbError('unsupported', `${system} ${generation} (${label}): ${refused.reason}`, {
    hint: refused.hint,
  });
}
