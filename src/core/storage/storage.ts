/**
 * Where backups lie. Objects are immutable and appear whole or not at all; keys are relative paths with `/`. Errors:
 * `file_not_found` for a missing object, `disk_full`, `permission_denied`, `read_only`, `io_error`; of a server also
 * `storage_refused` (it answered, and said no for good) and `storage_unavailable` (no answer after all tries).
 */

export type StorageKind = 'folder' | 's3' | 'sftp';

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970 UTC, by the clock of the storage. */
  readonly modifiedMs: number;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface Storage {
  readonly kind: StorageKind;
  /** For people: the folder, the bucket, the address; without any secret. */
  readonly location: string;
  /** Finished objects whose key starts with the folder `prefix` (`a/b`, or empty for all), in no particular order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** The whole object or a range of it. A range that reaches beyond the end fails with `io_error`. */
  read(key: string, range?: ByteRange): Promise<Uint8Array>;
  /** Durable when it resolves. With `ifAbsent`, false means that the key was there and nothing changed. */
  write(key: string, body: Uint8Array, options?: { ifAbsent?: boolean }): Promise<boolean>;
  /** Takes a finished local file over as the object `key`; the file is gone afterwards. */
  adopt(key: string, file: string): Promise<void>;
  /** Does nothing when the object is not there. */
  delete(key: string): Promise<void>;
  /** A new local folder in which files to be adopted are best prepared; ignored by `list`. `group` is a path part. */
  stagingFolder(group: string): Promise<string>;
  /** Removes what writers of this group that died have left: only while no other one can be at work. */
  removeUnfinished(group: string): Promise<void>;
  /** A local folder for lease files, where the storage has one. */
  readonly leaseFolder: string | undefined;
  /** A local folder in which objects may wait for a server, the same in every run; undefined where there is none. */
  readonly spoolFolder: string | undefined;
  /** Whether of several writers with `ifAbsent` at the same moment exactly one wins. */
  exclusiveCreate(): Promise<boolean>;
  /** Ends connections; the next call makes new ones. An idle connection keeps no process alive. */
  close(): Promise<void>;
}
