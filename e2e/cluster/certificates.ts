/** Keys and certificates of a cluster, made once with openssl. EC P-256, valid for ten years: the cluster is local. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DAYS = '3650';

export interface Identity {
  /** File name stem. */
  name: string;
  /** The user name that the API server sees. */
  user: string;
  /** Its group; `system:masters` may do everything. */
  group?: string;
  /** Subject alternative names make it a server certificate. */
  hosts?: string[];
}

export interface Pki {
  ca: string;
  /** Signs and verifies service-account tokens. */
  serviceAccountKey: string;
  certificate(name: string): { cert: string; key: string };
}

export function pkiAt(dir: string): Pki {
  return {
    ca: join(dir, 'ca.crt'),
    serviceAccountKey: join(dir, 'service-account.key'),
    certificate: (name) => ({ cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) }),
  };
}

/** Makes what is missing. All or nothing, so that a crash leaves no half set. */
export async function ensurePki(dir: string, identities: Identity[]): Promise<Pki> {
  if (existsSync(dir)) return pkiAt(dir);
  const draft = `${dir}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  const pki = pkiAt(draft);
  const caKey = join(draft, 'ca.key');
  await Promise.all([
    openssl([...REQUEST, '-keyout', caKey, '-out', pki.ca, '-subj', '/CN=chatcells-local-ca', ...ext(CA_EXTENSIONS)]),
    run('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', pki.serviceAccountKey]),
  ]);
  await Promise.all(identities.map((identity) => issue(pki, caKey, identity)));
  renameSync(draft, dir);
  return pkiAt(dir);
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const REQUEST = ['req', '-x509', ...CURVE, '-days', DAYS, '-sha256'];
const CA_EXTENSIONS = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
const ext = (lines: string[]): string[] => lines.flatMap((line) => ['-addext', line]);

function issue(pki: Pki, caKey: string, identity: Identity): Promise<void> {
  const { cert, key } = pki.certificate(identity.name);
  const subject = `${identity.group ? `/O=${identity.group}` : ''}/CN=${identity.user}`;
  const extensions = [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    `extendedKeyUsage=clientAuth${identity.hosts ? ',serverAuth' : ''}`,
  ];
  if (identity.hosts) extensions.push(`subjectAltName=${identity.hosts.map(altName).join(',')}`);
  const signed = ['-CA', pki.ca, '-CAkey', caKey];
  return openssl([...REQUEST, ...signed, '-keyout', key, '-out', cert, '-subj', subject, ...ext(extensions)]);
}

const altName = (host: string): string => (/^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`);

async function openssl(args: string[]): Promise<void> {
  // The system's configuration would add extensions of its own.
  await run('openssl', args, { env: { ...process.env, OPENSSL_CONF: '/dev/null' } });
}
