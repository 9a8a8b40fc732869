/** kubeconfig files. JSON is YAML, so they are written as JSON. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Pki } from './certificates.ts';

/** Writes the kubeconfig of one identity, with the key material inside; readable by its owner only. */
export function writeKubeconfig(file: string, server: string, pki: Pki, identity: string): void {
  const { cert, key } = pki.certificate(identity);
  const data = (path: string): string => readFileSync(path).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'chatcells',
    clusters: [{ name: 'chatcells', cluster: { server, 'certificate-authority-data': data(pki.ca) } }],
    users: [{ name: identity, user: { 'client-certificate-data': data(cert), 'client-key-data': data(key) } }],
    contexts: [{ name: 'chatcells', context: { cluster: 'chatcells', user: identity, namespace: 'default' } }],
  };
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
