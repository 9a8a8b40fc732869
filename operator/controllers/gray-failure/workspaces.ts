/**
 * A workspace whose requests fail while those of the others do not: it is named on its object, for a person to act. It
 * drains nothing. The judge leaves it out of what it says of zones and gateways.
 */
import type { KubeClient } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import type { BadWorkspace } from '../../../cells/health/judge.ts';
import type { Workspace } from '../../../crds/index.ts';
import { condition, stampConditions } from '../../runtime/conditions.ts';
import { API } from '../../world.ts';

const TYPE = 'RequestsFail';
const MANAGER = 'chatcells-gray-failure';

export interface WorkspaceHealthDeps {
  client: KubeClient;
  workspaces: ReadonlyMap<string, Workspace>;
  events: EventRecorder;
  /** How long a workspace has to be well to count as well again, in ms. */
  clearAfterMs: number;
  nowMs: () => number;
}

export class WorkspaceHealth {
  readonly #deps: WorkspaceHealthDeps;
  /** Workspace id → when it was last found bad, or when this process first saw that another had found it so. */
  readonly #badAt = new Map<string, number>();

  constructor(deps: WorkspaceHealthDeps) {
    this.#deps = deps;
  }

  /** One verdict with figures: writes what it changes, and nothing else. */
  async observe(bad: BadWorkspace | undefined, monotonicMs: number): Promise<void> {
    if (bad) this.#badAt.set(bad.workspace, monotonicMs);
    for (const object of this.#deps.workspaces.values()) {
      const id = object.status?.workspaceId;
      if (id === undefined) continue;
      const said = object.status?.conditions?.some((c) => c.type === TYPE && c.status === 'True') ?? false;
      if (said && !this.#badAt.has(id)) this.#badAt.set(id, monotonicMs);
      const isBad = monotonicMs - (this.#badAt.get(id) ?? Number.NEGATIVE_INFINITY) < this.#deps.clearAfterMs;
      if (!isBad) this.#badAt.delete(id);
      if (isBad !== said) await this.#say(object, isBad, bad);
    }
  }

  async #say(object: Workspace, isBad: boolean, bad: BadWorkspace | undefined): Promise<void> {
    const { client, events, nowMs } = this.#deps;
    const { name, namespace, uid, generation } = object.metadata;
    const percent = Math.max(1, Math.round((bad?.errorRate ?? 0) * 100));
    const wanted = isBad
      ? condition(TYPE, true, 'Alone', `About ${percent} % of its requests fail, and those of other workspaces do not.`)
      : condition(TYPE, false, 'Well', 'Its requests succeed as often as those of other workspaces.');
    const conditions = stampConditions(object.status?.conditions, [wanted], { generation, nowMs: nowMs() });
    await client.apply<Workspace>(
      { apiVersion: API, kind: 'Workspace', metadata: { name, namespace, uid }, status: { conditions } },
      { fieldManager: MANAGER, subresource: 'status' },
    );
    await events.record(object, {
      type: isBad ? 'Warning' : 'Normal',
      reason: isBad ? 'RequestsFail' : 'RequestsSucceed',
      action: 'JudgeWorkspace',
      note: wanted.message,
    });
  }
}
