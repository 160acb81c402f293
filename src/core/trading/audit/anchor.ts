/** A note outside the database of where its chain stood: what a rewrite of the whole log cannot take back. */
export interface Anchor {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly host: string;
  /** Absolute path, links resolved. */
  readonly database: string;
  /** Hash of row 1, in hexadecimal. */
  readonly chainStart: string;
  readonly seq: number;
  /** Hash of row `seq`, in hexadecimal. */
  readonly hash: string;
  /** Who noted it, such as `health audit` or the id of a backup. */
  readonly by: string;
  /** Why everything noted before of this database counts no longer. */
  readonly reason?: string;
}

/** What is known of the log that anchors are held against. */
export interface AnchoredLog {
  readonly host: string;
  readonly database: string;
  /** Undefined when it is empty. */
  readonly chainStart: string | undefined;
  /** Newest row; 0 when it is empty. */
  readonly headSeq: number;
  hashAt(seq: number): string | undefined;
}

export type Verdict = 'holds' | 'gone' | 'differs' | 'rewritten';

/**
 * What an anchor says of a log; undefined when it is about another one. The place counts as well as the beginning of the
 * chain: by the beginning alone a rewritten log would look like another database. A copy elsewhere may be older.
 */
export function judge(anchor: Anchor, log: AnchoredLog): Verdict | undefined {
  const isHere = isOf(anchor, log);
  const isSameChain = anchor.chainStart === log.chainStart;
  if (!isHere && !isSameChain) return undefined;
  if (log.chainStart === undefined) return 'gone';
  if (!isSameChain) return 'rewritten';
  if (anchor.seq > log.headSeq) return isHere ? 'gone' : undefined;
  const found = log.hashAt(anchor.seq);
  if (found === undefined) return 'gone';
  return found === anchor.hash ? 'holds' : 'differs';
}

function isOf(anchor: Anchor, log: Pick<AnchoredLog, 'host' | 'database'>): boolean {
  return anchor.database === log.database && anchor.host === log.host;
}

/** An anchor with the place where it is written. */
export interface NotedAnchor {
  readonly anchor: Anchor;
  /** Such as `line 12`, or the id of a backup. */
  readonly place: string;
}

export interface Contradiction {
  readonly source: string;
  readonly place: string;
  readonly at: string;
  readonly seq: number;
  readonly verdict: Exclude<Verdict, 'holds'>;
  readonly message: string;
}

/** What the anchors of one source, such as a file or a repository, say of a log. */
export interface SourceResult {
  readonly source: string;
  readonly kind: 'file' | 'backups';
  readonly held: number;
  readonly contradicted: number;
  /** Noted before the operator accepted a change, and so no longer held against the log. */
  readonly setAside: number;
  /** About other databases, or later than this copy. */
  readonly others: number;
  /** The newest that holds. */
  readonly last: { readonly seq: number; readonly at: string; readonly hash: string } | null;
  /** Lines of the file that are no anchors. */
  readonly unreadable: readonly number[];
}

/** Holds all anchors of a source against the log. */
export function judgeAll(
  source: Pick<SourceResult, 'source' | 'kind' | 'unreadable'> & { readonly anchors: readonly NotedAnchor[] },
  log: AnchoredLog,
  acceptedAt: string | undefined,
): { readonly result: SourceResult; readonly contradictions: readonly Contradiction[] } {
  const contradictions: Contradiction[] = [];
  const counts = { held: 0, contradicted: 0, setAside: 0, others: 0 };
  let last: SourceResult['last'] = null;
  for (const { anchor, place } of source.anchors) {
    const verdict = judge(anchor, log);
    if (verdict === undefined) {
      counts.others += 1;
    } else if (verdict === 'holds') {
      counts.held += 1;
      const { seq, at, hash } = anchor;
      if (last === null || seq >= last.seq) last = { seq, at, hash };
    } else if (acceptedAt !== undefined && anchor.at < acceptedAt) {
      counts.setAside += 1;
    } else {
      counts.contradicted += 1;
      const { seq, at } = anchor;
      const message = messages[verdict](anchor, log, `${source.source}, ${place}`);
      contradictions.push({ source: source.source, place, at, seq, verdict, message });
    }
  }
  const { source: name, kind, unreadable } = source;
  return { result: { source: name, kind, ...counts, last, unreadable }, contradictions };
}

/** When the operator last accepted that what was noted of this database counts no longer. */
export function acceptedAt(anchors: readonly NotedAnchor[], log: AnchoredLog): string | undefined {
  return anchors.findLast(({ anchor }) => anchor.reason !== undefined && isOf(anchor, log))?.anchor.at;
}

const messages: Readonly<
  Record<Contradiction['verdict'], (anchor: Anchor, log: AnchoredLog, where: string) => string>
> = {
  gone: ({ seq, at }, { headSeq }, where) =>
    `audit row ${seq}, noted on ${at} (${where}), is gone: the log ends at row ${headSeq}`,
  differs: ({ seq, at }, _, where) => `audit row ${seq} is not the one that was noted on ${at} (${where})`,
  rewritten: ({ at }, _, where) =>
    `the log does not begin as it did on ${at} (${where}): all of it was written anew, or it is another database`,
};
