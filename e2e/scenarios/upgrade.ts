/** A rolling upgrade of everything under load: one version back and the current one side by side, both ways. */
import { until } from '../system/command.ts';
import { helmUpgrade, kubectl, NAMESPACE } from '../system/install.ts';
import { notingPauses } from './handoff-pauses.ts';
import { previousImage } from './previous-image.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const SELECTOR = 'app.kubernetes.io/component in (gateway,channel,api)';
const ROLLED_MS = 300_000;
/** What examples/local-values.yaml names. */
const CURRENT = 'dev';

interface Deployment {
  metadata: { generation: number; labels: Record<string, string> };
  spec: { replicas: number; paused?: boolean; template: { spec: { containers: { image: string }[] } } };
  status: { observedGeneration?: number; replicas?: number; updatedReplicas?: number; availableReplicas?: number };
}

async function deployments(system: System): Promise<Deployment[]> {
  const args = ['get', 'deployment', '-n', NAMESPACE, '-l', SELECTOR, '-o', 'json'];
  return (JSON.parse(await kubectl(args, system.status)) as { items: Deployment[] }).items;
}

const replacesPods = ({ metadata, spec, status }: Deployment): boolean =>
  !spec.paused &&
  (status.observedGeneration !== metadata.generation ||
    status.updatedReplicas !== spec.replicas ||
    status.replicas !== spec.replicas ||
    status.availableReplicas !== spec.replicas);

/** Cell by Cell: with more than one at a time the round is broken. */
async function rollTo(system: System, round: Round, tag: string): Promise<void> {
  await helmUpgrade(system.status, tag);
  let current = '';
  await until(`the operator rolls every Deployment to ${tag}`, ROLLED_MS, async () => {
    const all = await deployments(system);
    const isNew = (d: Deployment): boolean => d.spec.template.spec.containers.every((c) => c.image.endsWith(`:${tag}`));
    const cells = [...new Set(all.filter(replacesPods).map((d) => d.metadata.labels['chatcells.dev/cell']))].sort();
    if (cells.length > 0 && cells.join() !== current) {
      current = cells.join();
      round.say(`new Pods: ${current}`);
      // The way back is the older operator's.
      round.expect(cells.length === 1 || tag !== CURRENT, `${current} replace their Pods at the same time`);
    }
    return (cells.length === 0 && all.every((d) => isNew(d) && !d.spec.paused)) || undefined;
  });
  await system.look();
  await system.whole();
}

export const UPGRADE: Scenario = {
  name: 'upgrade',
  promise:
    'Operator, control plane, api, gateways and channel servers are rolled one version back and up again, Cell by Cell, old and new side by side: no takeover, no request fails, nothing is lost.',
  run: async (system: System, round: Round) => {
    round.note('back_s', await rollAll(system, round, previousImage()));
    // What the way back costs is the older operator's doing.
    await notingPauses(system, round, async () => round.note('up_s', await rollAll(system, round, CURRENT)));
  },
};

/** Resolves with the seconds that it took. */
async function rollAll(system: System, round: Round, tag: string): Promise<number> {
  round.fault(`everything is rolled to chatcells:${tag}`);
  const began = performance.now();
  await rollTo(system, round, tag);
  const taken = await system.takeovers(); // of servers that are new: all they have taken, they took since
  round.figures.takeovers += [...taken.values()].reduce((sum, n) => sum + n, 0);
  return (performance.now() - began) / 1000;
}
