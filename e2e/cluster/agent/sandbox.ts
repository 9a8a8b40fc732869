/**
 * The command line that runs a container's process: a private mount namespace with the volumes at their mount paths
 * and a host name of its own, then the user and group, then the program. Each step replaces the one before, so that
 * the pid stays the program's.
 */

export interface Mount {
  /** What is mounted: a folder or a file of the host. */
  source: string;
  /** Absolute path in the container. */
  target: string;
  readOnly: boolean;
  isFile: boolean;
}

export interface Sandbox {
  hostname: string;
  mounts: readonly Mount[];
  uid: number;
  gid: number;
  workingDir: string;
  argv: readonly string[];
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function sandboxCommand(sandbox: Sandbox): { command: string; args: string[] } {
  const lines = ['set -e', `echo ${quote(sandbox.hostname)} > /proc/sys/kernel/hostname`];
  // Parents before children, or the parent's mount would hide the child's.
  for (const mount of [...sandbox.mounts].sort((a, b) => a.target.length - b.target.length)) lines.push(...bind(mount));
  lines.push(`cd ${quote(sandbox.workingDir)}`);
  lines.push(`exec setpriv ${privileges(sandbox).join(' ')} -- ${sandbox.argv.map(quote).join(' ')}`);
  return {
    command: 'unshare',
    args: ['--mount', '--uts', '--propagation', 'private', '--', '/bin/sh', '-c', lines.join('\n')],
  };
}

/** Runs a command beside a container, as `exec` probes and hooks do. */
export function besideCommand(
  pid: number,
  sandbox: Sandbox,
  argv: readonly string[],
): { command: string; args: string[] } {
  return {
    command: 'nsenter',
    args: ['--mount', '--uts', `--target=${pid}`, '--', 'setpriv', ...privileges(sandbox), '--', ...argv],
  };
}

const privileges = (sandbox: Sandbox): string[] => [
  `--reuid=${sandbox.uid}`,
  `--regid=${sandbox.gid}`,
  '--clear-groups',
  '--no-new-privs',
];

function bind(mount: Mount): string[] {
  const target = quote(mount.target);
  const parent = quote(mount.target.slice(0, mount.target.lastIndexOf('/')) || '/');
  const create = mount.isFile
    ? `[ -e ${target} ] || { mkdir -p ${parent}; : > ${target}; }`
    : `[ -d ${target} ] || mkdir -p ${target}`;
  return [
    create,
    `mount --bind ${quote(mount.source)} ${target}`,
    ...(mount.readOnly ? [`mount -o remount,bind,ro ${target}`] : []),
  ];
}
