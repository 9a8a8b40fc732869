/** What stands in for container images: host programs by the last part of the image's name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, TOOLS } from '../layout.ts';
import { ConfigError } from './env.ts';

const NODE = join(ROOT, 'node_modules/.bin/node');

/** The entry point of an image, as `registry/path/chatcells:tag` or with a digest. Throws ConfigError when unknown. */
export function entryPointOf(image: string): string[] {
  const name = image.replace(/@.*$/, '').replace(/^.*\//, '').replace(/:.*$/, '');
  if (name === 'chatcells') return [NODE, '--enable-source-maps', chatcellsMain()];
  if (name === 'envoy') return [join(TOOLS, 'bin/envoy')];
  throw new ConfigError(`image "${image}" is none of the local cluster's: chatcells, envoy`);
}

/** The bundle when it has been built, else the sources. */
function chatcellsMain(): string {
  const built = join(ROOT, 'dist/main.js');
  return existsSync(built) ? built : join(ROOT, 'main.ts');
}

/** Where a container finds programs. */
export const CONTAINER_PATH = [
  join(ROOT, 'node_modules/.bin'),
  join(TOOLS, 'bin'),
  '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
].join(':');
