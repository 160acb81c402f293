import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DeliveryError } from '../../../src/core/alert/channels/channel.ts';
import { email } from '../../../src/core/alert/channels/email.ts';
import type { Notification } from '../../../src/core/alert/notification.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const createdMs = Date.UTC(2026, 2, 14, 12, 30);

function notification(text = 'wal'): Notification {
  const alert = { rule: 'wal-size', labels: { table: text }, kind: 'fired', severity: 'critical', value: 9 } as const;
  const facts = { database: '/data/tra\r\nBcc: evil@example.net\r\n.db', group: 'default', status: 'firing' } as const;
  return { id: 'aa11', createdMs, severity: 'critical', ...facts, alerts: [{ ...alert, atMs: createdMs }] };
}

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly body: string;
}

/** A real SMTP server on the loopback. */
async function startServer(options: SMTPServerOptions = {}): Promise<{ port: number; mails: Mail[] }> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: session.user,
          body: Buffer.concat(parts).toString('utf8'),
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port: (server.server.address() as AddressInfo).port, mails };
}

function channelTo(folder: string, url: string, parts: { caFile?: string; timeoutMs?: number } = {}) {
  const urlFile = join(folder, 'smtp');
  writeFileSync(urlFile, `${url}\n`);
  return email({
    urlFile,
    caFile: parts.caFile,
    from: 'tradedb@example.org',
    to: ['desk@example.org', 'on-call@example.org'],
    timeoutMs: parts.timeoutMs ?? 10_000,
  });
}

async function reasonOf(sending: Promise<void>): Promise<string> {
  const error = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DeliveryError);
  return (error as DeliveryError).message;
}

/** A key and a certificate for localhost. */
function certificate(folder: string): { key: string; cert: string; caFile: string } {
  const [keyFile, caFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', [...made, ...names, '-keyout', keyFile, '-out', caFile], { stdio: 'ignore' });
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(caFile, 'utf8'), caFile };
}

describe('email', () => {
  it('reaches a real server: addresses, subject, text, an id that stays, and no header of a file name', async () => {
    const { port, mails } = await startServer({ disabledCommands: ['AUTH', 'STARTTLS'] });
    const channel = channelTo(temporaryFolder(), `smtp://127.0.0.1:${port}`);
    await channel.send(notification('Börse\r\n.\r\nQUIT'), testContext());
    await channel.send(notification(), testContext());
    expect(mails).toHaveLength(2);
    const [mail] = mails;
    expect(mail).toMatchObject({ from: 'tradedb@example.org', to: ['desk@example.org', 'on-call@example.org'] });
    const [head = '', text = ''] = (mail?.body ?? '').split('\r\n\r\n', 2);
    expect(head).toMatch(/^Message-ID: <aa11@tradedb\.invalid>$/im);
    expect(head).toMatch(/^Auto-Submitted: auto-generated$/im);
    expect(head).toMatch(/^Date: Sat, 14 Mar 2026 12:30:00/im);
    expect(head).not.toMatch(/^Bcc:/im);
    expect(text).toMatch(/wal-size/);
    expect(mails[1]?.body).toMatch(/Subject: CRITICAL .*wal-size/);
  });

  it('logs in over TLS that it verifies, and never sends a password in the clear', async () => {
    const folder = temporaryFolder();
    const { key, cert, caFile } = certificate(folder);
    const users: unknown[] = [];
    const { port, mails } = await startServer({
      key,
      cert,
      authOptional: false,
      onAuth({ username, password }, _, done) {
        users.push([username, password]);
        done(null, { user: username });
      },
    });
    const url = `smtp://desk%40example.org:p%25ss@127.0.0.1:${port}`;
    await channelTo(folder, url, { caFile }).send(notification(), testContext());
    expect(users).toEqual([['desk@example.org', 'p%ss']]);
    expect(mails[0]).toMatchObject({ secure: true, user: 'desk@example.org' });
    // An unknown certificate is refused before the password is told.
    expect(await reasonOf(channelTo(folder, url).send(notification(), testContext()))).toMatch(/^failed: E/);
    const plain = await startServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth({ username }, _, done) {
        users.push(username);
        done(null, { user: username });
      },
    });
    const clear = channelTo(folder, `smtp://desk:secret@127.0.0.1:${plain.port}`);
    const reason = await reasonOf(clear.send(notification(), testContext()));
    expect(reason).not.toContain('secret');
    expect(users).toHaveLength(1);
    expect(plain.mails).toEqual([]);
  });

  it('tells why it did not arrive, without addresses or passwords', async () => {
    const folder = temporaryFolder();
    const { port } = await startServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      onRcptTo: (_, __, done) => done(Object.assign(new Error('no desk@example.org here'), { responseCode: 550 })),
    });
    const refused = await reasonOf(channelTo(folder, `smtp://127.0.0.1:${port}`).send(notification(), testContext()));
    expect(refused).toMatch(/^the server answered 550/);
    expect(refused).not.toContain('desk@');
    const nobody = await reasonOf(channelTo(folder, 'smtp://u:pw@127.0.0.1:1').send(notification(), testContext()));
    expect(nobody).toMatch(/^failed: E/);
    for (const url of ['http://127.0.0.1', 'no address', 'smtp://']) {
      const reason = await reasonOf(channelTo(folder, url).send(notification(), testContext()));
      expect(reason).toMatch(/holds no smtp or smtps address$/);
    }
    const slow = await startServer({ disabledCommands: ['AUTH', 'STARTTLS'], onMailFrom: () => {} });
    const channel = channelTo(folder, `smtp://127.0.0.1:${slow.port}`, { timeoutMs: 300 });
    expect(await reasonOf(channel.send(notification(), testContext()))).toMatch(/no answer within 300 ms|failed: E/);
  });
});
