import { readFileSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { linesOf, type Notification, titleOf } from '../notification.ts';
import { type Channel, DeliveryError } from './channel.ts';
import { readSecret } from './secret-file.ts';

export interface EmailSettings {
  /** File with the address of the server: smtps://user:password@host:465, or smtp://host:25. */
  readonly urlFile: string;
  readonly caFile: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly timeoutMs: number;
}

/**
 * Plain text by SMTP. `smtp:` goes over to TLS where the server can; with a password it must. The Message-ID is made of the
 * notification's id, so that a repeated attempt is the same message to whoever compares.
 */
export function email(settings: EmailSettings): Channel {
  return {
    async send(notification, context) {
      const server = serverOf(settings);
      const { createTransport } = await import('nodemailer');
      const transport = createTransport(server);
      try {
        await withDeadline(transport.sendMail(messageOf(notification, settings)), settings, context);
      } catch (error) {
        throw error instanceof DeliveryError ? error : new DeliveryError(reasonOf(error));
      } finally {
        transport.close();
      }
    },
  };
}

function serverOf({ urlFile, caFile, timeoutMs }: EmailSettings) {
  const text = readSecret(urlFile);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^smtps?:$/.test(url.protocol) || url.hostname === '') {
    throw new DeliveryError(`${JSON.stringify(urlFile)} holds no smtp or smtps address`);
  }
  const secure = url.protocol === 'smtps:';
  const hasPassword = url.username !== '';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTLS: !secure && hasPassword,
    ...(hasPassword ? { auth: { user: decoded(url.username), pass: decoded(url.password) } } : {}),
    ...(caFile === undefined ? {} : { tls: { ca: certificate(caFile) } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function certificate(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new DeliveryError(`cannot read ${JSON.stringify(path)}`);
  }
}

function messageOf(notification: Notification, { from, to }: EmailSettings) {
  const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f]/g, ' ');
  return {
    from,
    to: [...to],
    subject: oneLine(titleOf(notification)).slice(0, 200),
    text: `${linesOf(notification).map(oneLine).join('\n')}\n\nDatabase: ${oneLine(notification.database)}\nGroup: ${oneLine(notification.group)}\n`,
    date: new Date(notification.createdMs),
    messageId: `<${notification.id}@tradedb.invalid>`,
    // Tells out-of-office programs not to answer (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Tradedb-Id': notification.id },
  };
}

/** The library has timeouts for every step, but none for the whole. */
function withDeadline(
  sending: Promise<unknown>,
  { timeoutMs }: EmailSettings,
  { clock, signal }: OperationContext,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    const abort = (): void => fail('interrupted');
    const tidy = (): void => {
      cancel();
      signal.removeEventListener('abort', abort);
    };
    const fail = (reason: string): void => {
      tidy();
      reject(new DeliveryError(reason));
    };
    signal.addEventListener('abort', abort);
    sending.then(
      () => {
        tidy();
        resolve();
      },
      (error: unknown) => {
        tidy();
        reject(error);
      },
    );
    if (signal.aborted) abort();
  });
}

/** The answer of the server may repeat addresses: code and status alone are told. */
function reasonOf(error: unknown): string {
  const { code, responseCode } = error as { code?: string; responseCode?: number };
  if (responseCode !== undefined) return `the server answered ${responseCode}${code === undefined ? '' : ` (${code})`}`;
  return `failed: ${code ?? 'connection'}`;
}
