import { createSocket } from 'node:dgram';
import { linesOf, type Notification, titleOf } from '../notification.ts';
import { type Channel, DeliveryError } from './channel.ts';

/** Facility "system daemons" of RFC 5424, section 6.2.1. */
const daemon = 3;

/** RFC 5424 over UDP (RFC 5426): one datagram per notification. UDP tells nobody whether it arrived. */
export function syslog(settings: { readonly host: string; readonly port: number; readonly hostname: string }): Channel {
  return {
    send(notification) {
      const bytes = Buffer.from(syslogMessage(notification, settings.hostname));
      const socket = createSocket(settings.host.includes(':') ? 'udp6' : 'udp4');
      return new Promise<void>((resolve, reject) => {
        const settle = (error: NodeJS.ErrnoException | null): void => {
          socket.close();
          if (error === null) resolve();
          else reject(new DeliveryError(`failed: ${error.code ?? 'socket'}`));
        };
        socket.once('error', settle);
        socket.send(bytes, settings.port, settings.host, (error) => {
          socket.removeListener('error', settle);
          settle(error);
        });
      });
    },
  };
}

export function syslogMessage(notification: Notification, hostname: string): string {
  const level = notification.status === 'resolved' ? 5 : notification.severity === 'critical' ? 2 : 4;
  const time = new Date(notification.createdMs).toISOString();
  const host = hostname.replace(/[^\x21-\x7e]/g, '_').slice(0, 255) || '-';
  const data = `[alert@32473 id="${value(notification.id)}" database="${value(notification.database)}" group="${value(notification.group)}" status="${notification.status}"]`;
  const text = [titleOf(notification), ...linesOf(notification)].join(' | ').replace(/[\u0000-\u001f\u007f]/g, ' ');
  // The mark says that the text is UTF-8. Longer datagrams than this may be cut on the way.
  return cut(`<${daemon * 8 + level}>1 ${time} ${host} tradedb - alert ${data} \ufeff${text}`, 2000);
}

/** PARAM-VALUE: quote, backslash and closing bracket are escaped; short enough that the message is never cut inside. */
function value(text: string): string {
  return cut(text.replace(/[\u0000-\u001f\u007f]/g, ' '), 300).replace(/["\\\]]/g, '\\$&');
}

function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytes)).replace(/\ufffd+$/, '');
}
