import { S3Bucket, type S3Settings } from '../../src/core/storage/s3.ts';
import { SftpFolder, type SftpSettings } from '../../src/core/storage/sftp.ts';
import { testPorts } from './context.ts';
import type { SftpServer } from './sftp-server.ts';
import type { SwiftServer } from './swift-server.ts';

/** Storages over the servers that tests start. */

let writers = 0;

export function sftpFolder(server: SftpServer, stateDirectory: string, parts: Partial<SftpSettings> = {}): SftpFolder {
  const { host, port, user, knownHostsFile, privateKeyFile, folder } = server;
  const login = { host, port, user, knownHostsFile, privateKeyFile, passphrase: undefined, agent: undefined };
  return new SftpFolder(
    { ...login, path: `${folder}/repository`, timeoutMs: 20_000, stateDirectory, unique: `w${writers++}`, ...parts },
    testPorts,
  );
}

export function s3Bucket(
  server: Pick<SwiftServer, 'endpoint' | 'accessKeyId' | 'secretAccessKey'>,
  stateDirectory: string,
  parts: Partial<S3Settings> & { tomorrow?: boolean } = {},
): S3Bucket {
  const { endpoint, accessKeyId, secretAccessKey } = server;
  return new S3Bucket(
    {
      endpoint,
      accessKeyId,
      secretAccessKey,
      bucket: 'tradedb-test',
      region: 'us-east-1',
      prefix: '',
      stateDirectory,
      unique: `w${writers++}`,
      requestTimeoutMs: 20_000,
      ...parts,
    },
    parts.tomorrow === true ? { ...testPorts, clock: later } : testPorts,
  );
}

const later = { ...testPorts.clock, wallTime: () => testPorts.clock.wallTime() + 2 * 86_400_000 };
