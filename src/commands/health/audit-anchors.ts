import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { Anchor, NotedAnchor } from '../../core/trading/audit/anchor.ts';
import type { AnchorSource } from '../../core/trading/audit/verify.ts';
import { openIfThere } from '../backup/repository-option.ts';
import type { CommandContext } from '../definition.ts';

/** Absolute path of the anchor file; undefined when none is named. */
export function anchorFileOf(typed: string | undefined, context: CommandContext): string | undefined {
  if (typed !== undefined) return context.resolve(typed);
  const { anchorFile } = context.config.trading.audit;
  return anchorFile === undefined ? undefined : context.resolveConfigured(anchorFile);
}

export async function fileSource(path: string): Promise<AnchorSource> {
  const { readAnchors } = await import('../../core/trading/audit/anchor-file.ts');
  return { source: path, kind: 'file', ...readAnchors(path) };
}

/** The heads that stand in backup manifests; undefined without a repository. */
export async function backupSource(
  wanted: string | undefined,
  databaseId: string | undefined,
  context: CommandContext,
): Promise<AnchorSource | undefined> {
  const repository = await openIfThere(context, wanted);
  if (repository === undefined) return undefined;
  const { points } = await repository.points(databaseId);
  return { source: repository.name, kind: 'backups', unreadable: [], anchors: points.flatMap(ofPoint) };
}

function ofPoint({ audit, createdAt, database, id }: Manifest): NotedAnchor[] {
  if (audit === undefined) return [];
  const { hostname: host, path } = database;
  return [{ anchor: { at: createdAt, host, database: path, ...audit, by: id }, place: `backup ${id}` }];
}

/** Notes a head in the anchor file; durable when it returns. */
export async function noteAnchor(path: string, anchor: Anchor): Promise<void> {
  const { appendAnchor } = await import('../../core/trading/audit/anchor-file.ts');
  appendAnchor(path, anchor);
}
