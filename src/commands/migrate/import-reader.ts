import { readFileSync, statSync } from 'node:fs';
import { TradedbError } from '../../core/error.ts';
import type { ImportRequest } from '../../core/trading/import/run-import.ts';
import type { Detection, ReaderOptions } from '../../core/trading/import/source.ts';
import type { Mapping } from '../../core/trading/mapping/mapping.ts';
import type { CommandContext } from '../definition.ts';
import type { SourceAccess } from './import-source.ts';

/** Where rows come from, opened but not read. */
export interface ChosenSource extends Pick<ImportRequest, 'open' | 'source' | 'isLive' | 'mapping' | 'detection'> {
  readonly access: SourceAccess;
  /** Tables with their rows; null for a file that is no database. */
  tables(): readonly { readonly name: string; readonly rows: number }[] | null;
  /** Throws for what is known and cannot be imported. */
  requireImportable(): void;
  close(): void;
}

export interface SourceChoice {
  readonly path: string;
  readonly from: string;
  readonly mappingPath: string | undefined;
  readonly copyLimitBytes: number;
  readonly options: ReaderOptions;
}

export async function chooseSource(choice: SourceChoice, context: CommandContext): Promise<ChosenSource> {
  const { fileSources } = await import('../../core/trading/import/systems.ts');
  const mapping = await mappingOf(choice.mappingPath, context);
  const load = fileSources[choice.from];
  if (load !== undefined) return fileSource(choice, mapping, await load(), context);
  return databaseSource(choice, mapping, context);
}

interface MappingText {
  readonly mapping: Mapping;
  readonly text: string;
}

async function mappingOf(path: string | undefined, context: CommandContext): Promise<MappingText | undefined> {
  if (path === undefined) return undefined;
  const { fromFileSystem } = await import('../../core/error.ts');
  const { parseMapping } = await import('../../core/trading/mapping/mapping.ts');
  const resolved = context.resolve(path);
  let text: string;
  try {
    text = readFileSync(resolved, 'utf8');
  } catch (error) {
    throw fromFileSystem(error, resolved);
  }
  return { mapping: parseMapping(text, resolved), text };
}

async function fileSource(
  { path, options }: SourceChoice,
  mapping: MappingText | undefined,
  source: Awaited<ReturnType<typeof import('../../core/trading/import/systems.ts')['fileSources'][string]>>,
  context: CommandContext,
): Promise<ChosenSource> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new TradedbError('file_not_found', `${JSON.stringify(path)} does not exist`, { hint: 'check the path' });
  }
  const detection: Detection = {
    system: mapping?.mapping.name ?? source.name,
    generation: source.name,
    label: mapping === undefined ? 'told by its header' : `mapping ${mapping.mapping.name}`,
    evidence: [],
    refused: undefined,
  };
  const { clock, random } = context;
  return {
    access: { sizeBytes: stats.size, journalMode: null, connectedProcesses: 0, readFrom: 'place' },
    detection,
    mapping: mapping?.text ?? '',
    source: undefined,
    isLive: false,
    open: (catalog, notes) => source.open({ path, mapping: mapping?.mapping, catalog, options, notes, clock, random }),
    tables: () => null,
    requireImportable: () => {},
    close: () => {},
  };
}

async function databaseSource(
  { path, from, copyLimitBytes, options }: SourceChoice,
  mapping: MappingText | undefined,
  context: CommandContext,
): Promise<ChosenSource> {
  const { openSource } = await import('./import-source.ts');
  const { SourceSchema } = await import('../../core/trading/import/source-schema.ts');
  const { detectSource, requireImportable } = await import('../../core/trading/import/detect-source.ts');
  const opened = await openSource(path, copyLimitBytes, context);
  try {
    const schema = new SourceSchema(opened.connection);
    const detected = await detectSource(schema, from, mapping?.mapping);
    const { detection, system } = detected;
    return {
      access: opened.access,
      detection,
      mapping: mapping?.text ?? '',
      source: opened.connection,
      isLive: opened.isLive,
      open: async (catalog, notes) => system.open({ schema, detection, catalog, options, notes }),
      tables: () => schema.tables.map((name) => ({ name, rows: schema.count(name) })),
      requireImportable: () => requireImportable(detected),
      close: () => opened.close(),
    };
  } catch (error) {
    opened.close();
    throw named(error, opened.connection.path, path);
  }
}

/** A private copy has a name of its own, which tells nobody anything. */
function named(error: unknown, from: string, to: string): unknown {
  if (!(error instanceof TradedbError) || from === to) return error;
  const message = error.message.replaceAll(JSON.stringify(from), JSON.stringify(to));
  return new TradedbError(error.code, message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}
