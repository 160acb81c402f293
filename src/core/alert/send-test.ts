import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import { DeliveryError } from './channels/channel.ts';
import type { DeliveryRequest, DeliveryResult } from './deliver.ts';
import type { Notification } from './notification.ts';

/** Sends a notification about nothing to one channel at once, past the outbox. Throws `usage` for an unknown channel. */
export async function sendTest(
  name: string,
  settings: DeliveryRequest & { readonly database: string },
  context: OperationContext,
): Promise<DeliveryResult> {
  const entry = settings.channels.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    const known = settings.channels.map((candidate) => candidate.name).join(', ');
    throw new TradedbError('usage', `alerts.channels has no ${JSON.stringify(name)}`, {
      hint: known === '' ? 'the configuration names no channel yet' : `channels: ${known}`,
    });
  }
  const createdMs = context.clock.wallTime();
  const test = { rule: 'test', labels: {}, kind: 'fired', severity: 'warning', value: null, atMs: createdMs } as const;
  const notification: Notification = {
    id: Buffer.from(context.random.bytes(16)).toString('hex'),
    database: settings.database,
    group: 'test',
    createdMs,
    status: 'firing',
    severity: 'warning',
    alerts: [{ ...test, runbook: 'nothing: this is a test of the channel' }],
  };
  try {
    await entry.channel.send(notification, context);
    return { sent: 1, failed: [] };
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    return { sent: 0, failed: [{ channel: name, reason: error.message }] };
  }
}
