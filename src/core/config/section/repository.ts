import * as v from 'valibot';

/** The kinds of `backup.repositories`. Secrets are in files or in the environment, never here. */

const text = (description: string) =>
  v.pipe(v.string('expected a text'), v.minLength(1, 'must not be empty'), v.description(description));
const optionalFile = (description: string) => v.optional(text(description));

const folder = v.strictObject({
  kind: v.literal('folder'),
  path: text('Folder; relative to the configuration file'),
});

const s3 = v.strictObject({
  kind: v.literal('s3'),
  endpoint: v.pipe(
    v.string('expected an address'),
    v.regex(/^https?:\/\/[^/@\s]+\/?$/, 'expected an address such as "https://s3.example.org" without path and user'),
    v.description('Address of the server; requests are path-style'),
  ),
  bucket: v.pipe(
    v.string('expected a text'),
    v.regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{1,254}$/, 'expected the name of a bucket'),
    v.description('Bucket; it must exist'),
  ),
  region: v.optional(text('Region for the signature'), 'us-east-1'),
  prefix: v.optional(
    v.pipe(
      v.string('expected a text'),
      v.regex(/^([^/]+(\/[^/]+)*)?$/, 'expected a path without slashes at its ends'),
      v.description('Folder in the bucket'),
    ),
    '',
  ),
  accessKeyIdFile: optionalFile('File with the access key id; otherwise TRADEDB_S3_ACCESS_KEY_ID'),
  secretAccessKeyFile: optionalFile('File with the secret access key; otherwise TRADEDB_S3_SECRET_ACCESS_KEY'),
});

const sftp = v.strictObject({
  kind: v.literal('sftp'),
  host: text('Host'),
  port: v.optional(
    v.pipe(
      v.number('expected a port'),
      v.integer('expected a port'),
      v.minValue(1, 'expected a port'),
      v.maxValue(65_535, 'expected a port'),
      v.description('Port'),
    ),
    22,
  ),
  user: text('User'),
  path: text('Folder on the server; relative to the login folder unless it begins with a slash'),
  knownHostsFile: optionalFile('File with the keys of known hosts; otherwise ~/.ssh/known_hosts'),
  privateKeyFile: optionalFile('Private key to log in with; otherwise the SSH agent'),
});

export const repository = v.variant('kind', [folder, s3, sftp], 'expected "folder", "s3" or "sftp" as kind');

export type RepositorySettings = v.InferOutput<typeof repository>;
