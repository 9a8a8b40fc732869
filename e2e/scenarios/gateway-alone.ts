/** One gateway that is ill while its probes pass: it is drained alone and replaced, and its Cell keeps its traffic. */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../system/command.ts';
import { podMetric, pods } from '../system/figures.ts';
import { cellNow, eventReasons, patchCell, setOperator, untilNoneIsSuspect } from '../system/gray.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const CELL = 'cell-b';
const REPLICAS = 2;
/** The window of two minutes, two buckets, and what one look of the operator and one at it take. */
const NOTICED_SLOW_S = 120 + 20 + 10;
/** A load report, a look of the operator, and one at it. */
const NOTICED_LOST_S = 15;
const REPLACED_MS = 180_000;
/** Of each two seconds it runs a half: probes have five. */
const SLOW = { stopMs: 1_500, runMs: 500 };
/** 10,000 a minute in production. */
const DISCONNECTS = '8';
const RESET_MS = 3_000;

interface Gateway {
  name: string;
  ip: string;
  sockets: number;
}

async function gateways(system: System): Promise<Gateway[]> {
  const mine = (await pods(system.status, 'gateway')).filter((p) => p.cell === CELL);
  const all = await Promise.all(
    mine.map(async (p) => ({ ...p, sockets: await podMetric(p, 'ws_connections_active') })),
  );
  return all.sort((a, b) => b.sockets - a.sockets);
}

/** With a second gateway in the Cell: makes the busiest one ill, and waits until another stands in its place. */
async function alone(
  system: System,
  round: Round,
  ill: { what: string; noticedS: number; make: (gateway: Gateway) => Promise<() => Promise<void>> },
): Promise<void> {
  // Of a suspect zone no gateway is drained alone.
  await untilNoneIsSuspect(system.status, [CELL]);
  await patchCell(system.status, CELL, { gateways: { replicas: REPLICAS } });
  const [victim] = await until(`${REPLICAS} gateways in ${CELL}`, 90_000, async () => {
    const all = await gateways(system);
    // A new one is there before it can be asked for its sockets.
    return all.length === REPLICAS && all.every((g) => Number.isFinite(g.sockets)) ? all : undefined;
  });
  const { resumes } = system.load.figures;
  round.fault(`${victim!.name} with ${victim!.sockets} sockets: ${ill.what}`);
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 100) / 10;
  const heal = await ill.make(victim!);
  try {
    const found = await until(`${victim!.name} is drained alone`, 300_000, async () => {
      const { drainingGateways } = await cellNow(system.status, CELL);
      return drainingGateways[0];
    });
    round.note('noticed_s', seconds());
    round.say(`noticed after ${seconds()} s: ${found.pod}: ${found.reason}`);
    round.expect(found.pod === victim!.name, `${found.pod} is drained and not ${victim!.name}`);
    round.expect(seconds() <= ill.noticedS, `it was noticed after ${seconds()} s, more than ${ill.noticedS} s`);
    await until('its sockets are gone', REPLACED_MS, async () => {
      const mine = (await gateways(system)).find((g) => g.name === victim!.name);
      return mine === undefined || mine.sockets === 0 || undefined;
    });
    round.note('empty_s', seconds());
    await until('another stands in its place', REPLACED_MS, async () => {
      const now = await gateways(system);
      return (now.length === REPLICAS && now.every((g) => g.name !== victim!.name)) || undefined;
    });
    round.note('replaced_s', seconds());
  } finally {
    await heal();
  }
  await until('all clients are connected', 60_000, async () => {
    return system.load.figures.connected === system.clients || undefined;
  });
  round.note('resumed', system.load.figures.resumes - resumes);
  const { weight, conditions, drainingGateways } = await until('nothing is drained any more', 30_000, async () => {
    const now = await cellNow(system.status, CELL);
    return now.drainingGateways.length === 0 ? now : undefined;
  });
  const suspect = conditions.find((c) => c.type === 'GrayFailure')?.status;
  round.expect(weight === 100 && suspect === 'False', `the weight of ${CELL} is ${weight}, GrayFailure ${suspect}`);
  round.expect(drainingGateways.length === 0, 'a gateway is still drained alone');
  const reasons = await eventReasons(system.status, CELL);
  for (const reason of ['GatewayFailureDraining', 'GatewayEvicted'])
    round.expect(reasons.includes(reason), `there is no Event ${reason}`);
  await patchCell(system.status, CELL, { gateways: { replicas: 1 } });
  await system.whole();
}

const bad = (system: System, round: Round): Promise<void> =>
  alone(system, round, {
    what: `stopped ${SLOW.stopMs} of each ${SLOW.stopMs + SLOW.runMs} ms`,
    noticedS: NOTICED_SLOW_S,
    make: async ({ name }) => {
      let ill = true;
      const slowly = (async () => {
        while (ill) {
          system.stop(name);
          await pause(SLOW.stopMs);
          system.cont(name);
          await pause(SLOW.runMs);
        }
      })().catch(() => {}); // it has been replaced
      return async () => {
        ill = false;
        await slowly;
      };
    },
  });

const massDisconnect = async (system: System, round: Round): Promise<void> => {
  await setOperator(system.status, { GRAY_FAILURE_DISCONNECTS: DISCONNECTS });
  await system.look();
  await alone(system, round, {
    what: `every connection is reset for ${RESET_MS / 1000} s`,
    noticedS: NOTICED_LOST_S,
    make: async ({ ip }) => {
      system.reset(ip, true);
      await pause(RESET_MS);
      system.reset(ip, false);
      return async () => {};
    },
  });
};

export const GATEWAYS_ALONE: readonly Scenario[] = [
  {
    name: 'gateway-bad',
    promise:
      'One gateway of two is slow while its probes pass: within 2 min and two buckets it alone is drained, evicted and replaced; its clients resume, its Cell keeps its weight, nothing is lost.',
    requestsMayFail: true,
    run: bad,
  },
  {
    name: 'gateway-mass-disconnect',
    promise:
      'One gateway of two loses its sockets at once (10,000 a minute scaled to 8): it alone is drained, evicted and replaced; its clients resume, its Cell keeps its weight, nothing is lost.',
    run: massDisconnect,
  },
];
