import { type Found, type Trials, withoutAdded } from './trials.ts';

/**
 * The last resort for reads that are slower than allowed: takes away, one after another, what their plans use, that first
 * whose absence leaves the workload cheapest.
 */
export async function repairSlowReads(start: Found, trials: Trials): Promise<Found> {
  let found = start;
  for (;;) {
    const slow = trials.judge.slowest(found.objective);
    if (slow === undefined) return trials.keep(found);
    const { added } = found.configuration;
    const used = trials.parts.planner.used(found.configuration, [slow], { plain: trials.plain });
    const blamed = added.filter((name) => used.has(name));
    let best: { readonly found: Found; readonly name: string } | undefined;
    for (const name of blamed.length > 0 ? blamed : added) {
      const next = await trials.measure(withoutAdded(found.configuration, name));
      if (best === undefined || trials.cost(next) < trials.cost(best.found)) best = { found: next, name };
    }
    if (best === undefined) return trials.start;
    trials.rejected.set(best.name, `makes ${slow.query.name} slower`);
    found = best.found;
  }
}
