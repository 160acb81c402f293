import { statfsSync } from 'node:fs';
import { fromFileSystem } from '../error.ts';

export interface FileSystemFacts {
  /** Name of the type, such as `ext4`; the number in hexadecimal when it is unknown. */
  readonly type: string;
  /** `network`, `overlay` and `userspace` (FUSE) have locks or durability that SQLite cannot rely on. */
  readonly kind: 'local' | 'memory' | 'network' | 'overlay' | 'userspace' | 'unknown';
  /** Bytes that an ordinary user may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Undefined where the file system has no fixed number of inodes. */
  readonly freeInodes: number | undefined;
  readonly totalInodes: number | undefined;
}

/** f_type of statfs(2), from linux/magic.h. */
const types: Readonly<Record<number, readonly [name: string, kind: FileSystemFacts['kind']]>> = {
  61267: ['ext4', 'local'],
  1481003842: ['xfs', 'local'],
  2435016766: ['btrfs', 'local'],
  801189825: ['zfs', 'local'],
  4076150800: ['f2fs', 'local'],
  19780: ['vfat', 'local'],
  538032816: ['exfat', 'local'],
  1397118030: ['ntfs', 'local'],
  16914836: ['tmpfs', 'memory'],
  2240043254: ['ramfs', 'memory'],
  26985: ['nfs', 'network'],
  4283649346: ['cifs', 'network'],
  4266872130: ['smb2', 'network'],
  20859: ['smb', 'network'],
  16914839: ['9p', 'network'],
  12805120: ['ceph', 'network'],
  198183888: ['lustre', 'network'],
  1196443219: ['gpfs', 'network'],
  1397113167: ['afs', 'network'],
  1702057286: ['fuse', 'userspace'],
  2035054128: ['overlay', 'overlay'],
};

/** Type and free space of the file system that holds `path`. */
export function fileSystemOf(path: string): FileSystemFacts {
  try {
    const facts = statfsSync(path);
    // Some systems give the type as a signed 32-bit number.
    const number = facts.type >>> 0;
    const [type, kind] = types[number] ?? [`0x${number.toString(16)}`, 'unknown' as const];
    return {
      type,
      kind,
      freeBytes: facts.bavail * facts.bsize,
      totalBytes: facts.blocks * facts.bsize,
      freeInodes: facts.files === 0 ? undefined : facts.ffree,
      totalInodes: facts.files === 0 ? undefined : facts.files,
    };
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}
