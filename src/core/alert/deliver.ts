import { join } from 'node:path';
import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { acquireLease, type Lease, type LeaseOwner } from '../lease.ts';
import { type Channel, DeliveryError } from './channels/channel.ts';
import type { Notification } from './notification.ts';
import { Outbox } from './outbox.ts';
import type { AlertSeverity } from './rule.ts';

export interface ChannelEntry {
  readonly name: string;
  readonly minSeverity: AlertSeverity;
  readonly channel: Channel;
}

export interface DeliveryRequest {
  readonly stateDirectory: string;
  readonly owner: LeaseOwner;
  readonly channels: readonly ChannelEntry[];
}

export interface DeliveryResult {
  readonly sent: number;
  readonly failed: readonly { readonly channel: string; readonly reason: string }[];
}

/** After this long a run starts no further attempt; the next run goes on. */
const budgetMs = 30_000;

/** The channels that a notification is for. */
export function channelsFor(notification: Notification, channels: readonly ChannelEntry[]): ChannelEntry[] {
  return channels.filter(({ minSeverity }) => minSeverity === 'warning' || notification.severity === 'critical');
}

/**
 * Sends what waits in the outbox and is due, oldest first, channel by channel. One process sends at a time; another one
 * leaves it the work. A channel that fails is left alone for this run.
 */
export async function deliver(request: DeliveryRequest, context: OperationContext): Promise<DeliveryResult> {
  const outbox = new Outbox(request.stateDirectory, context);
  outbox.removeLeftovers();
  if (outbox.names('pending').length === 0) return { sent: 0, failed: [] };
  const lease = takeTurn(request, context);
  if (lease === undefined) return { sent: 0, failed: [] };
  try {
    const broken = outbox.buryUnreadable();
    const names = [...new Set(outbox.names('pending').map((name) => outbox.read('pending', name)?.channel ?? ''))];
    const channels = names.filter((name) => name !== '');
    const results = await Promise.all(channels.map((name) => drain(name, outbox, request, context)));
    return {
      sent: results.reduce((sum, result) => sum + result.sent, 0),
      failed: [
        ...results.flatMap((result) => result.failed),
        ...broken.map((file) => ({ channel: 'outbox', reason: `${file} cannot be read: see outbox/dead` })),
      ],
    };
  } finally {
    lease.release();
  }
}

async function drain(
  name: string,
  outbox: Outbox,
  request: DeliveryRequest,
  context: OperationContext,
): Promise<DeliveryResult> {
  const startedAt = context.clock.now();
  const channel = request.channels.find((candidate) => candidate.name === name)?.channel;
  let sent = 0;
  for (const file of outbox.names('pending')) {
    const entry = outbox.read('pending', file);
    if (entry?.channel !== name || !outbox.isDue(entry)) continue;
    if (context.signal.aborted || context.clock.now() - startedAt > budgetMs) break;
    try {
      if (channel === undefined) throw new DeliveryError('the configuration has no channel of this name');
      await channel.send(entry.notification, context);
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      // An interrupted attempt says nothing about the channel.
      if (!context.signal.aborted) outbox.failed(file, entry, error.message);
      return { sent, failed: [{ channel: name, reason: error.message }] };
    }
    outbox.sent(file);
    sent += 1;
  }
  return { sent, failed: [] };
}

function takeTurn(request: DeliveryRequest, context: OperationContext): Lease | undefined {
  const directory = join(request.stateDirectory, 'leases');
  try {
    return acquireLease(
      { directory, name: 'alert-delivery', purpose: 'delivery of alerts', owner: request.owner },
      context,
    );
  } catch (error) {
    if (error instanceof TradedbError && error.code === 'lease_held') return undefined;
    throw error;
  }
}
