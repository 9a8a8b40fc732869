/** What stands in for container images: host programs by the last part of the image's name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, TOOLS } from '../layout.ts';
import { ConfigError } from './env.ts';

const NODE = join(ROOT, 'node_modules/.bin/node');

/** The entry point of an image, as `registry/path/chatcells:tag` or with a digest. Throws ConfigError when unknown. */
export function entryPointOf(image: string): string[] {
  const [name, tag = ''] = image.replace(/@.*$/, '').replace(/^.*\//, '').split(':');
  if (name === 'chatcells') return [NODE, '--enable-source-maps', chatcellsMain(tag)];
  if (name === 'envoy') return [join(TOOLS, 'bin/envoy')];
  throw new ConfigError(`image "${image}" is none of the local cluster's: chatcells, envoy`);
}

/** Bundles of other versions, a folder a tag. */
export const IMAGES = join(ROOT, '.local/images');

/** The bundle of the tag's own when there is one; else the checkout's, and its sources when it has not been built. */
function chatcellsMain(tag: string): string {
  const own = join(IMAGES, tag, 'main.js');
  if (/^[\w.-]+$/.test(tag) && existsSync(own)) return own;
  const built = join(ROOT, 'dist/main.js');
  return existsSync(built) ? built : join(ROOT, 'main.ts');
}

/** Where a container finds programs. */
export const CONTAINER_PATH = [
  join(ROOT, 'node_modules/.bin'),
  join(TOOLS, 'bin'),
  '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
].join(':');
