import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import type { BrokenRule } from './business-rules.ts';
import { ChildProcess, childEntry } from './child/child-process.ts';
import type { FromVerify, Verification, VerifyRequest } from './child/protocol.ts';
import type { ScenarioReference } from './scenario/resolve.ts';

/** Checks the file in a process of its own; killed when the run is cancelled. */
export async function verify(
  path: string,
  options: {
    readonly busyTimeoutMs: number;
    readonly brokenBefore: readonly BrokenRule[];
    readonly scenarios: readonly ScenarioReference[];
  },
  context: OperationContext,
): Promise<Verification | null> {
  const child = new ChildProcess<VerifyRequest, FromVerify>(childEntry('verify-main'), 'verify');
  const onAbort = (): void => void child.kill();
  context.signal.addEventListener('abort', onAbort, { once: true });
  try {
    child.send({ type: 'verify', path, ...options });
    const { type: _, ...verification } = await child.next('verified');
    return verification;
  } catch (error) {
    if (context.signal.aborted) return null;
    if (error instanceof TradedbError && error.code === 'database_corrupt') {
      return { quickCheck: 'failed', foreignKeyViolations: 0, rulesChecked: 0, problems: [error.message] };
    }
    throw error;
  } finally {
    context.signal.removeEventListener('abort', onAbort);
    await child.kill();
  }
}
