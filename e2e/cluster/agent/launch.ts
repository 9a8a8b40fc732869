/** Starts a container's process on the host. */
import { spawn } from 'node:child_process';
import { chownSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../layout.ts';
import { MARK } from '../processes.ts';
import type { Launched } from './container.ts';
import type { NodeContext } from './context.ts';
import { containerCommand, containerEnv, type EnvSources, envReferences } from './env.ts';
import { CONTAINER_PATH, entryPointOf } from './images.ts';
import type { ConfigMap, Container, Pod, Secret } from './kube.ts';
import { noteMountPoints } from './mount-points.ts';
import { besideCommand, type Mount, type Sandbox, sandboxCommand } from './sandbox.ts';
import type { PodVolumes } from './volumes.ts';

/** In the environment of every container: `<cluster dir>#<node>`; a new agent ends the old one's by it. */
export const NODE_MARK = 'CHATCELLS_NODE_MARK';
export const nodeMark = (dir: string, node: string): string => `${dir}#${node}`;

/** Fetches what the Pod's environments refer to. Missing ones are left out: whoever needs them says so. */
export async function envSources(context: NodeContext, pod: Pod, podIp: string): Promise<EnvSources> {
  const names = envReferences(pod);
  const base = `/api/v1/namespaces/${pod.metadata.namespace}`;
  return {
    podIp,
    hostIp: context.zone.nodeIp,
    configMaps: await findAll<ConfigMap>(context, `${base}/configmaps`, names.configMaps),
    secrets: await findAll<Secret>(context, `${base}/secrets`, names.secrets),
  };
}

async function findAll<T>(context: NodeContext, path: string, names: Set<string>): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (const name of names) {
    const object = await context.api.find<T>(`${path}/${name}`);
    if (object) found.set(name, object);
  }
  return found;
}

export interface LaunchOptions {
  context: NodeContext;
  pod: Pod;
  podIp: string;
  volumes: PodVolumes;
}

export async function launch(options: LaunchOptions, container: Container): Promise<Launched> {
  const { context, pod, podIp } = options;
  const entryPoint = entryPointOf(container.image);
  const sources = await envSources(context, pod, podIp);
  const env = {
    ...containerEnv(pod, container, baseEnv(context, pod), sources),
    [MARK]: context.dir,
    [NODE_MARK]: nodeMark(context.dir, context.zone.node),
  };
  const sandbox = sandboxOf(options, container, containerCommand(entryPoint, container, env));
  noteMountPoints(context.dir, sandbox.mounts);
  const { command, args } = sandboxCommand(sandbox);
  const log = openSync(logFile(context.dir, pod, container), 'a');
  // A session of its own: a signal to the agent's terminal does not reach it, and its group can be ended as a whole.
  const child = spawn(command, args, { cwd: '/', env, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  child.unref();
  return {
    child,
    target: {
      host: podIp,
      from: context.zone.nodeIp,
      container,
      beside: (argv) => ({ ...besideCommand(child.pid ?? 0, sandbox, argv), env }),
    },
  };
}

function baseEnv(context: NodeContext, pod: Pod): Record<string, string> {
  const cache = join(ROOT, '.local/compile-cache', context.zone.name);
  if (!existsSync(cache)) {
    mkdirSync(cache, { recursive: true });
    chownSync(cache, context.uid, context.zone.id);
  }
  return {
    PATH: CONTAINER_PATH,
    HOME: '/tmp',
    HOSTNAME: pod.metadata.name,
    KUBERNETES_SERVICE_HOST: context.apiHost,
    KUBERNETES_SERVICE_PORT: String(context.apiPort),
    KUBERNETES_SERVICE_PORT_HTTPS: String(context.apiPort),
    NODE_COMPILE_CACHE: cache,
  };
}

function sandboxOf(options: LaunchOptions, container: Container, argv: string[]): Sandbox {
  const { context, pod } = options;
  return {
    hostname: pod.metadata.name,
    mounts: mountsOf(options, container),
    uid: container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser ?? context.uid,
    gid: context.zone.id,
    workingDir: container.workingDir ?? ROOT,
    argv,
  };
}

function mountsOf(options: LaunchOptions, container: Container): Mount[] {
  const { context, pod, volumes } = options;
  const mounts: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const source = mount.subPath ? join(volumes.path(mount.name), mount.subPath) : volumes.path(mount.name);
    if (!existsSync(source)) {
      mkdirSync(source, { recursive: true });
      chownSync(source, context.uid, context.zone.id);
    }
    const target = mount.mountPath.replace(/\/+$/, '');
    if (target === '' || `${ROOT}/`.startsWith(`${target}/`)) {
      // It would hide the program itself; the host's folder stays in its place.
      context.log.warn({ pod: pod.metadata.name, target }, 'not mounted: the checkout lies below');
      continue;
    }
    mounts.push({ source, target, readOnly: mount.readOnly ?? false, isFile: statSync(source).isFile() });
  }
  return mounts;
}

function logFile(dir: string, pod: Pod, container: Container): string {
  const folder = join(dir, 'logs', pod.metadata.namespace, pod.metadata.name);
  mkdirSync(folder, { recursive: true });
  return join(folder, `${container.name}.log`);
}
