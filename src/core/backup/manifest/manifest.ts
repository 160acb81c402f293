import * as v from 'valibot';
import { TradedbError } from '../../error.ts';
import { hex, sha256 } from '../chunk/pack-format.ts';

/** The description of one restore point; written last, so that a point exists whole or not at all. */

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const positionSchema = v.object({
  salt1: count,
  salt2: count,
  frame: count,
  checksum1: count,
  checksum2: count,
});

const manifestSchema = v.object({
  format: v.literal(1),
  id: v.pipe(v.string(), v.regex(/^\d{8}T\d{4}Z-[a-z2-7]{4}$/)),
  type: v.picklist(['full', 'incremental']),
  /** The point whose unchanged pages this one leaves out. */
  parentId: v.nullable(v.string()),
  /** Points that a restore reads besides this one. */
  chainLength: count,
  database: v.object({
    id: v.string(),
    label: v.string(),
    path: v.string(),
    hostname: v.string(),
    pageSizeBytes: count,
    pageCount: count,
    journalMode: v.picklist(['wal', 'rollback']),
    userVersion: v.number(),
    applicationId: v.number(),
    schemaCookie: count,
  }),
  label: v.nullable(v.string()),
  /** ISO 8601, or `forever`: prune leaves the point alone until then. */
  keepUntil: v.nullable(v.string()),
  /** The moment of the snapshot. */
  createdAt: v.string(),
  finishedAt: v.string(),
  /** `wal`: made of archived commits, without reading the database. */
  method: v.picklist(['pages', 'api', 'wal']),
  codec: v.string(),
  /** Null in a repository that is not encrypted; otherwise `sealed` and `mac` are for whoever has the key. */
  encryption: v.nullable(
    v.object({ cipher: v.literal('aes-256-gcm'), keySlots: count, sealed: v.string(), mac: v.string() }),
  ),
  /** Null for rollback-journal databases and for copies through the API. */
  position: v.nullable(positionSchema),
  /** The archived commit whose state this is, where it is known. */
  archived: v.optional(v.object({ epoch: v.string(), tx: count })),
  /** The newest and the first link of the audit log of that state; sealed where it is encrypted. */
  audit: v.optional(v.object({ seq: count, hash: digest, chainStart: digest })),
  storedPages: count,
  storedBytes: count,
  packs: v.array(v.object({ name: digest, sizeBytes: count, chunks: count, pages: count })),
  pageIndex: v.object({ name: digest, sizeBytes: count }),
  /** sha256 over page size, page count and the fingerprints of all pages; a MAC of it where it is encrypted. */
  digest,
  tool: v.object({ version: v.string(), sqliteVersion: v.string() }),
});

export type Manifest = v.InferOutput<typeof manifestSchema>;

/** Bytes of the object and the digest that goes into its name. */
export function encodeManifest(manifest: Manifest): { bytes: Uint8Array; digest: string } {
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  return { bytes, digest: hex(sha256(bytes)) };
}

/** Reads a manifest and checks it against the digest in its name. */
export function decodeManifest(bytes: Uint8Array, expectedDigest: string): Manifest {
  if (hex(sha256(bytes)) !== expectedDigest) {
    throw new TradedbError('checksum_mismatch', 'a manifest is damaged: its digest differs from its name');
  }
  const parsed = v.safeParse(manifestSchema, JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (parsed.success) return parsed.output;
  throw new TradedbError('repository_invalid', `a manifest cannot be understood: ${parsed.issues[0].message}`, {
    hint: 'it may be of a newer release of tradedb',
  });
}
