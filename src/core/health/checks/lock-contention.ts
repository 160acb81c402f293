import { formatDuration } from '../../config/duration.ts';
import type { Holder } from '../../file-access/lock-table.ts';
import { finding, type HealthCheck } from '../check.ts';
import type { LockSighting } from '../run-state.ts';
import type { HealthTarget } from '../target.ts';
import { judge } from '../threshold.ts';

interface HeldLock {
  readonly holder: Holder;
  /** What nobody else can do meanwhile. */
  readonly blocks: string;
  readonly byte: string;
  /** Changes with every commit or step of work: the same one in two looks means that nothing was done in between. */
  readonly key: string;
}

/** Locks that keep others waiting, with the state of the work that they are held for. */
function blockingLocks(target: HealthTarget): HeldLock[] {
  const { holders, index, header } = target;
  const commit =
    index === undefined ? header?.changeCounter : `${index.salt1}.${index.maxFrame}.${index.changeCounter}`;
  const work: readonly (readonly [byte: string, blocks: string, mark: unknown])[] = [
    ['WRITE', 'every other writer', commit],
    ['RESERVED', 'every other writer', commit],
    ['PENDING', 'every new reader', commit],
    ['CKPT', 'every other checkpoint', `${commit} ${index?.backfilledFrames}`],
  ];
  return (holders ?? []).flatMap((holder) =>
    work
      .filter(([byte]) => holder.locks.some((lock) => lock.exclusive && lock.bytes.includes(byte)))
      .map(([byte, blocks, mark]) => ({
        holder,
        byte,
        blocks,
        key: [holder.pid, holder.startTime, byte, mark].join(':'),
      })),
  );
}

/** The sightings that this run leaves to the next. */
export function lockSightings(target: HealthTarget, earlier: readonly LockSighting[], now: number): LockSighting[] {
  return blockingLocks(target).map(({ key }) => earlier.find((one) => one.key === key) ?? { key, firstSeenAt: now });
}

export const lockContention: HealthCheck = {
  id: 'lock.contention',
  sentence: 'no process keeps the others waiting with a lock under which nothing is committed',
  cost: 'cheap',
  async run({ target, previous, thresholds, context, facts }) {
    if (target.holders === undefined) return { summary: 'no lock table', skipped: 'this system shows no locks' };
    const locks = blockingLocks(target);
    if (locks.length === 0) return { summary: 'nobody holds a lock that keeps others waiting' };
    const now = context.clock.wallTime();
    const stuck = locks.flatMap((lock) => {
      const sighting = previous.locks.find(({ key }) => key === lock.key);
      return sighting === undefined ? [] : [{ ...lock, heldMs: now - sighting.firstSeenAt }];
    });
    // A migration or a vacuum of our own may take its time; its lease says that it does.
    const own = stuck.length === 0 ? undefined : await facts.ownWork?.();
    const [worst] = stuck.filter(({ holder }) => holder.pid !== own?.pid).sort((a, b) => b.heldMs - a.heldMs);
    if (worst === undefined) {
      const which = locks.map(({ byte, holder }) => `${byte} by pid ${holder.pid}`).join(', ');
      return { summary: own === undefined ? `${which}, not for long` : `${which}: our own ${own.purpose}` };
    }
    const { holder, byte, heldMs, blocks } = worst;
    const held = formatDuration(Math.floor(heldMs / 1000) * 1000);
    const summary = `pid ${holder.pid} "${holder.command}" holds ${byte} for >= ${held} without a commit; ${blocks} waits`;
    const base = { summary, value: heldMs, unit: 'ms' } as const;
    const severity = judge(heldMs, thresholds['lock.contention']);
    if (severity === 'ok') return base;
    const values = { pid: holder.pid, lock: byte, heldMs };
    const hint = 'end its transaction; look for one that waits for a network answer or for a person';
    return { ...base, findings: [finding('lock.contention', severity, summary, { hint, values })] };
  },
};
