import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { OperationContext } from '../context.ts';
import { throwIfCancelled } from '../error.ts';
import type { PragmaProfile } from '../sqlite/pragma-profile.ts';
import type { BrokenRule } from './business-rules.ts';
import { ChildProcess, childEntry } from './child/child-process.ts';
import type { FromPrepare, InspectRequest, PrepareRequest } from './child/protocol.ts';
import type { LoadPlan } from './plan.ts';

/** Makes the base file in a process of its own, because this one must never open SQLite on it. */
export async function prepare(
  request: { readonly plan: LoadPlan; readonly profile: PragmaProfile },
  target: string,
  source: string | undefined,
  context: OperationContext,
): Promise<readonly BrokenRule[]> {
  const { plan, profile } = request;
  const child = new ChildProcess<PrepareRequest, FromPrepare>(childEntry('prepare-main'), 'prepare');
  const progress = context.progress.start({ id: 'loadtest.prepare', label: 'preparing a copy', unit: 'pages' });
  const onAbort = (): void => void child.kill();
  context.signal.addEventListener('abort', onAbort, { once: true });
  let shown = 0;
  child.onMessage((message) => {
    if (message.type !== 'progress') return false;
    progress.total(message.total);
    progress.advance(message.done - shown);
    shown = message.done;
    return true;
  });
  try {
    throwIfCancelled(context.signal);
    child.send({
      type: 'prepare',
      ...(source === undefined ? {} : { source }),
      target,
      scenarios: plan.scenarios,
      seed: plan.seed,
      sampleOrders: plan.sampleOrders,
      profile,
      busyTimeoutMs: plan.busyTimeoutMs,
    });
    return (await child.next('prepared')).brokenRules;
  } catch (error) {
    throwIfCancelled(context.signal);
    throw error;
  } finally {
    context.signal.removeEventListener('abort', onAbort);
    await child.kill();
    progress.done();
  }
}

/** Whether the database has the trading schema; asked in a process of its own. */
export async function hasTradingSchema(source: string, busyTimeoutMs: number): Promise<boolean> {
  const child = new ChildProcess<InspectRequest, FromPrepare>(childEntry('prepare-main'), 'inspect');
  try {
    child.send({ type: 'inspect', source, busyTimeoutMs });
    return (await child.next('inspected')).hasTradingSchema;
  } finally {
    await child.kill();
  }
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}
