/** `npm run bench -- ring`: owner lookups beside npm `hashring` 3.2.0, balance and churn of both, and the planner. */
import { type Bench, type Claim, type Contestant, type Figure, type FigureSpec, takeTurns } from '../frame.ts';
import { short } from '../report.ts';
import { median } from '../statistics.ts';
import { maxOverAverage, movedPercent } from './balance.ts';
import {
  hashRing,
  nanosecondsEach,
  nanosecondsEachSlot,
  ownerOfTopic,
  randomSlots,
  routesOf,
  Topics,
} from './lookups.ts';
import { laidOut, servers, timePlans } from './tables.ts';

const OURS = 'slot table';
const PEER = 'hashring 3.2.0';
const PLAN_SERVERS = 100;

const SHARED: readonly FigureSpec[] = [
  { key: 'newTopic', what: 'owner of a new topic', unit: 'CPU ns' },
  { key: 'maxOverAverage', what: 'topics of the fullest server over the average', unit: '×' },
  { key: 'moved', what: 'topics that move when a server is added', unit: '%' },
];
const OWN: readonly FigureSpec[] = [
  { key: 'knownSlot', what: 'owner of a topic whose slot is known', unit: 'CPU ns' },
  { key: 'steadyMs', what: `plan for ${PLAN_SERVERS} servers, nothing to do`, unit: 'CPU ms' },
  { key: 'addMs', what: `plan for ${PLAN_SERVERS} servers, one of them new`, unit: 'CPU ms' },
  { key: 'loseMs', what: `plan for ${PLAN_SERVERS} servers, one dead`, unit: 'CPU ms' },
  { key: 'firstMs', what: `first layout of ${PLAN_SERVERS} servers`, unit: 'CPU ms' },
];

export const ring: Bench = {
  name: 'ring',
  rounds: 9,
  async run({ rounds, smoke, progress }) {
    // Not fewer: the kernel counts CPU time in steps of up to 4 ms, and a figure of 0 would be none.
    const size = smoke ? { servers: 10, topics: 200_000, slots: 1e6 } : { servers: 30, topics: 200_000, slots: 5e6 };
    const topics = new Topics();
    const turns = { rounds, progress };
    const shared = await takeTurns([slotTable(size, topics), packageRing(size, topics)], SHARED, turns);
    const own = await takeTurns([planner(size)], OWN, turns);
    const figures = [...shared, ...own];
    return { setting: { ...size, 'servers of a plan': PLAN_SERVERS }, figures, claims: claims(figures) };
  },
};

interface Size {
  servers: number;
  topics: number;
  slots: number;
}

function slotTable(size: Size, topics: Topics): Contestant {
  const all = servers(size.servers + 1);
  const table = laidOut(all.slice(1));
  const before = routesOf(table);
  const after = routesOf(laidOut(all, table));
  return contestant(OURS, size, topics, {
    before: (t) => ownerOfTopic(before, t),
    after: (t) => ownerOfTopic(after, t),
  });
}

function packageRing(size: Size, topics: Topics): Contestant {
  const addresses = servers(size.servers + 1).map((m) => m.address);
  const before = hashRing(addresses.slice(1));
  const after = hashRing(addresses);
  return contestant(PEER, size, topics, { before: (t) => before.get(t), after: (t) => after.get(t) });
}

type Lookup = (topic: string) => string;

function contestant(
  name: string,
  size: Size,
  topics: Topics,
  { before, after }: { before: Lookup; after: Lookup },
): Contestant {
  return {
    name,
    round: async () => {
      const keys = topics.take(size.topics);
      const newTopic = nanosecondsEach(keys, before);
      const owners = keys.map(before);
      return {
        newTopic,
        maxOverAverage: maxOverAverage(owners, size.servers),
        moved: movedPercent(owners, keys.map(after)),
      };
    },
  };
}

function planner(size: Size): Contestant {
  const routes = routesOf(laidOut(servers(size.servers)));
  const slots = randomSlots(size.slots);
  return {
    name: OURS,
    round: async () => ({
      knownSlot: nanosecondsEachSlot(slots, routes),
      ...timePlans(PLAN_SERVERS),
    }),
  };
}

function claims(figures: readonly Figure[]): Claim[] {
  const at = (key: string, name: string): number => median(figures.find((f) => f.key === key)!.values[name]!);
  const known = at('knownSlot', OURS);
  const times = at('newTopic', PEER) / at('newTopic', OURS);
  const plans = ['steadyMs', 'addMs', 'loseMs'].map((key) => at(key, OURS));
  const slowest = Math.max(...plans);
  return [
    { what: 'owner of a topic whose slot is known ≤ 20 ns', measured: `${short(known)} ns`, holds: known <= 20 },
    { what: `owner of a new topic ≥ 10 × ${PEER}`, measured: `${short(times)} ×`, holds: times >= 10 },
    {
      what: `plan for ${PLAN_SERVERS} servers ≤ 5 ms`,
      measured: `${short(slowest)} ms for the slowest of the three`,
      holds: slowest <= 5,
    },
  ];
}
