import type { Config } from '../../config/schema.ts';
import type { Channel } from './channel.ts';
import { command } from './command.ts';
import { email } from './email.ts';
import { file } from './file.ts';
import { slack } from './slack.ts';
import { syslog } from './syslog.ts';
import { webhook } from './webhook.ts';

export interface ChannelPlace {
  /** Absolute form of a path of the configuration. */
  readonly resolve: (path: string) => string;
  readonly hostname: string;
  /** What programs get to see. */
  readonly environment: Readonly<Record<string, string>>;
}

export function makeChannel(settings: Config['alerts']['channels'][string], place: ChannelPlace): Channel {
  switch (settings.type) {
    case 'webhook': {
      const secretFile = settings.secretFile === undefined ? undefined : place.resolve(settings.secretFile);
      return webhook({ urlFile: place.resolve(settings.urlFile), secretFile, timeoutMs: settings.timeout });
    }
    case 'slack':
      return slack({ urlFile: place.resolve(settings.urlFile), timeoutMs: settings.timeout });
    case 'command': {
      const { environment } = place;
      return command({
        words: settings.command,
        timeoutMs: settings.timeout,
        environment,
        workingDirectory: place.resolve('.'),
      });
    }
    case 'syslog':
      return syslog({ host: settings.host, port: settings.port, hostname: place.hostname });
    case 'email': {
      const { urlFile, caFile, from, to, timeout } = settings;
      return email({
        urlFile: place.resolve(urlFile),
        caFile: caFile === undefined ? undefined : place.resolve(caFile),
        from,
        to,
        timeoutMs: timeout,
      });
    }
    case 'file':
      return file({ path: place.resolve(settings.path) });
  }
}
