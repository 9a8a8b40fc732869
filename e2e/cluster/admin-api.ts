/** The API server with an administrator's rights, for the cluster's own commands. */
import { join } from 'node:path';
import { ApiClient } from './agent/api-client.ts';
import { pkiAt } from './certificates.ts';
import { apiServerUrl } from './control-plane.ts';
import type { Layout } from './layout.ts';

export function adminApi(layout: Layout): ApiClient {
  const pki = pkiAt(join(layout.dir, 'pki'));
  return new ApiClient({ url: apiServerUrl(layout.ports.apiServer), ca: pki.ca, ...pki.certificate('admin') });
}
