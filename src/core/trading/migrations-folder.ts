import { fileURLToPath } from 'node:url';

/** Absolute path of the folder with the migration files of the reference schema, in the sources and in `dist` alike. */
export const referenceMigrationsFolder: string = fileURLToPath(new URL('migrations', import.meta.url));
