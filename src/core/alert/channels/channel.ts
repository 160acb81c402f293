import type { OperationContext } from '../../context.ts';
import type { Notification } from '../notification.ts';

/** A way to people. `send` resolves when the receiver has taken the notification; it rejects with `DeliveryError`. */
export interface Channel {
  send(notification: Notification, context: OperationContext): Promise<void>;
}

/** Why a notification did not arrive. The message is shown and kept: it never holds an address, a token or an answer. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
}
