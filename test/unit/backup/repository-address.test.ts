import { describe, expect, it } from 'vitest';
import { parseRepositoryAddress } from '../../../src/core/backup/repository/repository-address.ts';

describe('addresses of repositories', () => {
  it('reads SFTP and S3', () => {
    expect(parseRepositoryAddress('sftp://ops@backup.example.org:2222/srv/a%20b')).toEqual({
      kind: 'sftp',
      host: 'backup.example.org',
      port: 2222,
      user: 'ops',
      path: '/srv/a b',
    });
    expect(parseRepositoryAddress('sftp://ops@h/~/backups')).toMatchObject({ port: 22, path: 'backups' });
    expect(parseRepositoryAddress('s3:https://s3.example.org/desk/eu/a')).toEqual({
      kind: 's3',
      endpoint: 'https://s3.example.org',
      bucket: 'desk',
      region: 'us-east-1',
      prefix: 'eu/a',
    });
  });

  it('leaves folders and names alone', () => {
    for (const text of ['main', './backups', '/srv/backups', 'C:\\backups', 'sftp'])
      expect(parseRepositoryAddress(text)).toBeUndefined();
  });

  it('refuses passwords without repeating them, and what it does not know', () => {
    for (const text of [
      'sftp://u:hunter2@h/x',
      's3:https://key:hunter2@h/b',
      'sftp://h/x',
      'sftp://u@h',
      'ftp://h/x',
      's3:https://h/',
    ]) {
      const thrown = (): unknown => {
        try {
          return parseRepositoryAddress(text);
        } catch (error) {
          return error;
        }
      };
      expect(thrown()).toMatchObject({ code: 'usage' });
      expect(String(thrown())).not.toContain('hunter2');
    }
  });
});
