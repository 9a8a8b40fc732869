/** A rolling upgrade of everything under load: one version back and the current one side by side, both ways. */
import { until } from '../system/command.ts';
import { helmUpgrade, kubectl, NAMESPACE } from '../system/install.ts';
import { notingPauses } from './handoff-pauses.ts';
import { previousImage } from './previous-image.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const SELECTOR = 'app.kubernetes.io/component in (gateway,channel,api)';
const TAKEN_UP_MS = 60_000;
/** What examples/local-values.yaml names. */
const CURRENT = 'dev';

async function rollTo(system: System, tag: string): Promise<void> {
  await helmUpgrade(system.status, tag);
  await until(`the operator rolls every Deployment to ${tag}`, TAKEN_UP_MS, async () => {
    const path = 'jsonpath={.items[*].spec.template.spec.containers[*].image}';
    const images = await kubectl(['get', 'deployment', '-n', NAMESPACE, '-l', SELECTOR, '-o', path], system.status);
    return images.split(' ').every((image) => image.endsWith(`:${tag}`)) || undefined;
  });
  const status = ['rollout', 'status', 'deployment', '-n', NAMESPACE, '-l', SELECTOR, '--timeout=240s'];
  await kubectl(status, system.status);
  await system.look();
  await system.whole();
}

export const UPGRADE: Scenario = {
  name: 'upgrade',
  promise:
    'Operator, control plane, api, gateways and channel servers are rolled one version back and up again, old and new side by side: no takeover, no request fails, nothing is lost.',
  run: async (system: System, round: Round) => {
    const previous = previousImage();
    await notingPauses(system, round, async () => {
      for (const tag of [previous, CURRENT]) {
        round.fault(`everything is rolled to chatcells:${tag}`);
        const began = performance.now();
        await rollTo(system, tag);
        round.note(tag === CURRENT ? 'up_s' : 'back_s', (performance.now() - began) / 1000);
        const taken = await system.takeovers(); // of servers that are new: all they have taken, they took since
        round.figures.takeovers += [...taken.values()].reduce((sum, n) => sum + n, 0);
      }
    });
  },
};
