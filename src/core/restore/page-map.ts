import { type PackFooter, pageAt, pageCountOf } from '../backup/chunk/pack-format.ts';
import type { Manifest } from '../backup/manifest/manifest.ts';
import type { Repository, StoredPack } from '../backup/repository/repository.ts';
import { TradedbError } from '../error.ts';

export interface LocatedPack {
  readonly point: Manifest;
  /** Place of the point in the lineage, from 0. */
  readonly member: number;
  readonly pack: StoredPack;
  readonly footer: PackFooter;
}

/** Which member of the lineage holds the newest version of each page, and where everything lies. */
export interface PageMap {
  readonly packs: readonly LocatedPack[];
  /** For page n at index n - 1: the member of the lineage. */
  readonly newest: Uint16Array;
}

const nobody = 0xffff;

/** Reads the tables of all packs of a lineage (the full point first). Throws when a page is in none of them. */
export async function readPageMap(
  repository: Repository,
  lineage: readonly Manifest[],
  pageCount: number,
): Promise<PageMap> {
  const newest = new Uint16Array(pageCount).fill(nobody);
  const packs: LocatedPack[] = [];
  for (const [member, point] of lineage.entries()) {
    for (const pack of point.packs) {
      const footer = await repository.packFooter(point, pack);
      packs.push({ point, member, pack, footer });
      for (const chunk of footer.chunks) {
        for (let index = 0; index < pageCountOf(chunk.pages); index++) {
          const page = pageAt(chunk.pages, index);
          if (page <= pageCount) newest[page - 1] = member;
        }
      }
    }
  }
  const missing = newest.indexOf(nobody);
  if (missing === -1) return { packs, newest };
  throw new TradedbError('checksum_mismatch', `page ${missing + 1} is in no pack of backup ${lineage.at(-1)?.id}`, {
    hint: 'verify the repository: tradedb backup verify --level 3',
  });
}
