import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import * as v from 'valibot';
import type { OperationContext } from '../../context.ts';
import { fromFileSystem, TradedbError, throwIfCancelled } from '../../error.ts';
import { auditHash } from './chain.ts';
import { type AuditExportManifest, exportManifestPath } from './export.ts';

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const manifestSchema = v.object({
  format: v.literal('tradedb-audit-export'),
  version: v.literal(1),
  file: v.object({ name: v.string(), bytes: count, sha256: digest }),
  database: v.string(),
  host: v.string(),
  exportedAt: v.string(),
  tool: v.string(),
  rows: count,
  firstSeq: count,
  lastSeq: count,
  firstAt: v.string(),
  lastAt: v.string(),
  previousHash: digest,
  lastHash: digest,
  chainStart: digest,
  rule: v.string(),
  retention: v.nullable(v.object({ class: v.string(), until: v.nullable(v.string()) })),
});

const rowSchema = v.object({
  seq: v.number(),
  ts_us: v.number(),
  actor: v.string(),
  action: v.string(),
  entity: v.string(),
  entity_id: v.string(),
  payload: v.string(),
  prev_hash: digest,
  hash: digest,
});

export interface ExportCheck {
  readonly manifest: AuditExportManifest;
  readonly rows: number;
  /** What is wrong first; undefined when the export proves itself. */
  readonly problem: string | undefined;
  /** Hashes of the rows that were asked for, as far as the chain is whole. */
  readonly hashes: ReadonlyMap<number, string>;
}

/**
 * Proves an export by itself: every link, and the bytes against the manifest. Throws when it cannot be read at all.
 * `wanted`: rows whose hashes are given back, to be held against anchors.
 */
export async function checkExport(
  file: string,
  wanted: ReadonlySet<number>,
  context: OperationContext,
): Promise<ExportCheck> {
  const manifest = readManifest(exportManifestPath(file));
  const chain = new ExportedChain(manifest, wanted);
  const hash = createHash('sha256');
  let bytes = 0;
  const tap = new PassThrough();
  const progress = context.progress.start({
    id: 'export',
    label: 'read the export',
    unit: 'rows',
    total: manifest.rows,
  });
  const source = createReadStream(join(dirname(file), manifest.file.name), { signal: context.signal });
  source.on('data', (part) => {
    hash.update(part);
    bytes += part.length;
  });
  source.on('error', (error) => tap.destroy(error));
  source.pipe(tap);
  try {
    for await (const line of createInterface({ input: tap, crlfDelay: Number.POSITIVE_INFINITY })) {
      chain.add(line);
      progress.advance(1);
    }
  } catch (error) {
    throwIfCancelled(context.signal);
    throw fromFileSystem(error, file);
  } finally {
    progress.done();
  }
  const isSame = bytes === manifest.file.bytes && hash.digest('hex') === manifest.file.sha256;
  const problem = chain.end() ?? (isSame ? undefined : 'its bytes are not those that the manifest says');
  return { manifest, rows: chain.rows, problem, hashes: chain.hashes };
}

/** Follows the lines of an export. */
class ExportedChain {
  rows = 0;
  readonly hashes = new Map<number, string>();
  readonly #manifest: AuditExportManifest;
  readonly #wanted: ReadonlySet<number>;
  #previous: Uint8Array;
  #problem: string | undefined;

  constructor(manifest: AuditExportManifest, wanted: ReadonlySet<number>) {
    this.#manifest = manifest;
    this.#wanted = wanted;
    this.#previous = Buffer.from(manifest.previousHash, 'hex');
  }

  add(line: string): void {
    if (this.#problem !== undefined) return;
    const seq = this.#manifest.firstSeq + this.rows;
    const row = parseRow(line);
    if (row === undefined) this.#problem = `line ${this.rows + 1} is no audit row`;
    else if (row.seq !== seq) this.#problem = `audit row ${seq} is missing`;
    else if (row.prev_hash !== Buffer.from(this.#previous).toString('hex')) {
      this.#problem = `audit row ${seq} does not follow row ${seq - 1}`;
    } else {
      const { ts_us: tsUs, entity_id: entityId, ...same } = row;
      const hash = Buffer.from(auditHash(this.#previous, { ...same, tsUs, entityId }));
      if (hash.toString('hex') !== row.hash) {
        this.#problem = `audit row ${seq} was changed`;
        return;
      }
      if (this.#wanted.has(seq)) this.hashes.set(seq, row.hash);
      this.#previous = hash;
      this.rows += 1;
    }
  }

  /** The first thing that is wrong. */
  end(): string | undefined {
    const { rows, lastHash, lastSeq } = this.#manifest;
    if (this.#problem !== undefined) return this.#problem;
    if (this.rows !== rows) return `it has ${this.rows} rows of ${rows}: its end is missing`;
    if (Buffer.from(this.#previous).toString('hex') !== lastHash)
      return `audit row ${lastSeq} is not that of the manifest`;
    return undefined;
  }
}

function parseRow(line: string): v.InferOutput<typeof rowSchema> | undefined {
  try {
    const parsed = v.safeParse(rowSchema, JSON.parse(line));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

function readManifest(path: string): AuditExportManifest {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  try {
    const parsed = v.safeParse(manifestSchema, JSON.parse(text));
    if (parsed.success) return parsed.output;
  } catch {
    // Not even JSON: the same answer.
  }
  throw new TradedbError('checksum_mismatch', `${JSON.stringify(path)} is no manifest of an audit export`, {
    hint: 'name the exported file; its manifest lies beside it',
  });
}
