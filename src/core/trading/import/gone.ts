import type { References } from './references.ts';
import type { ImportSession } from './session.ts';
import type { SourceStream } from './source.ts';
import type { Mapped } from './unit.ts';

/**
 * Finds rows that were imported and that the source has deleted since: they stay, are held as `source_changed`, and are left
 * out of both sides of the comparison. Called behind a pass over all rows, in the same state of the source.
 */
export function holdGoneRows(session: ImportSession, references: References): number {
  const { loader, streams, target } = session.parts;
  const entities = [...loader.seen]
    .filter(([entity, rows]) => rows < references.count(entity))
    .map(([entity]) => entity);
  if (entities.length === 0) return 0;
  const found = collect(streams, new Set(entities));
  let held = 0;
  target.tx(() => {
    for (const [entity, { stream, ids }] of found) {
      for (const id of references.missing(entity, ids)) if (loader.holdGone(stream, id)) held += 1;
    }
  });
  return held;
}

interface Found {
  /** The first stream whose rows become this entity. */
  readonly stream: SourceStream;
  readonly ids: Set<string>;
}

function collect(streams: readonly SourceStream[], entities: ReadonlySet<string>): Map<string, Found> {
  const found = new Map<string, Found>();
  const all = { rows: Number.MAX_SAFE_INTEGER, ms: Number.MAX_SAFE_INTEGER };
  for (const stream of streams.filter(({ mutable }) => mutable)) {
    stream.rows.read(undefined, all, (row) => {
      const mapped = stream.map(row);
      for (const entity of entities) {
        const id = idOf(mapped, entity) ?? (mapped.kind === 'held' ? mapped.externalId : undefined);
        if (id === undefined) continue;
        const known = found.get(entity) ?? { stream, ids: new Set<string>() };
        known.ids.add(id);
        found.set(entity, known);
      }
    });
  }
  return found;
}

function idOf(mapped: Mapped, entity: string): string | undefined {
  if (mapped.kind === 'attributes') return mapped.entity === entity ? mapped.externalId : undefined;
  return mapped.kind === entity && 'externalId' in mapped ? mapped.externalId : undefined;
}
