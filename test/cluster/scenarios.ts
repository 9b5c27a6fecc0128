import { defaultLimits } from "../../src/protocol/limits.ts";
import { type FaultWorld, type FaultWorldOptions, sleep, until } from "./fault-world.ts";
import { smallLoad } from "./load.ts";

/** How long faults last. */
export interface Pace {
  /** After how long nodes give each other up where a scenario waits for that, ms. */
  readonly nodeSilence: number;
  /** How long a node stands still or hears nothing; its links go on, and everybody has noticed. ms */
  readonly stillness: number;
  /** How often a fault that is over soon comes again. */
  readonly rounds: number;
}

export const paces = {
  /** With the server's own times: `npm run faults`. */
  full: { nodeSilence: defaultLimits.nodeSilence, stillness: 20_000, rounds: 3 },
  /** The same events in less time: `npm test`. */
  short: { nodeSilence: 8_000, stillness: 7_000, rounds: 2 },
} as const satisfies Record<string, Pace>;

export interface Scenario {
  readonly title: string;
  options(pace: Pace): Omit<FaultWorldOptions, "seed">;
  /** Nodes whose links may be lost; every other link must go on. */
  readonly mayLose: readonly string[];
  /** What happens to the cluster while the load is on. Findings go into the journal. */
  run(world: FaultWorld, pace: Pace): Promise<void>;
}

/** After a fault everything works again within this time, ms: from then on each step must succeed at the first try. */
const recovery = 5_000;
/** What is refused because the backplane is away is refused within this time, ms. */
const atOnce = 500;

export const scenarios: Readonly<Record<string, Scenario>> = {
  kill: {
    title: "kill -9 of a node; it stays away until everybody has forgotten its devices",
    options: ({ nodeSilence }) => ({ load: smallLoad, nodeSilence }),
    mayLose: ["n1"],
    run: async (world, { nodeSilence }) => {
      const { load } = world;
      await kill(world, [0]);
      const forgotten = await until(() => !sees(world, "doomed0-0"), 2 * nodeSilence);
      if (!forgotten) world.finding(`a device of the dead node is still shown after ${2 * nodeSilence} ms`);
      await world.node(0).start();
      world.fault("kill", false);
      await load.online("after the kill");
    },
  },
  "kill-both": {
    title: "kill -9 of two nodes at once, those of both ends of calls; they come back",
    options: () => ({ load: smallLoad }),
    mayLose: ["n1", "n2"],
    run: async (world) => {
      await kill(world, [0, 1]);
      await Promise.all([world.node(0).start(), world.node(1).start()]);
      world.fault("kill", false);
      await sleep(recovery);
    },
  },
  freeze: {
    title:
      "SIGSTOP of a node, then SIGCONT before it is given up; half of its devices go elsewhere meanwhile",
    options: () => ({ load: { ...smallLoad, impatience: 4_000 } }),
    // A link leaves its node only when what it has said has arrived, and the frozen node takes nothing.
    mayLose: ["n1", "n2", "n3"],
    run: async (world, { stillness }) => {
      const { load } = world;
      load.strict(false);
      const before = new Map(load.phones.map(({ device }) => [device.name, device.link]));
      world.fault("freeze", true);
      world.node(1).freeze();
      await sleep(stillness);
      world.node(1).thaw();
      world.fault("freeze", false);
      await sleep(recovery);
      for (const { device } of load.phones)
        if (load.patient.includes(device.name) && device.link !== before.get(device.name))
          world.finding("waited for the frozen node, and lost its link", device.name);
    },
  },
  "nats-short": {
    title: "NATS is killed and back after 3 s, again and again",
    options: () => ({ load: smallLoad }),
    mayLose: [],
    run: async (world, { rounds }) => {
      for (let n = 0; n < rounds; n++) {
        await natsAway(world, 3_000);
        await sleep(recovery);
      }
    },
  },
  "nats-long": {
    title:
      "NATS is away for twice the time in which nodes give each other up: local calls go on and are set up, remote requests are refused at once",
    options: ({ nodeSilence }) => ({ load: smallLoad, nodeSilence }),
    mayLose: [],
    run: async (world, { nodeSilence }) => {
      await natsAway(world, 2 * nodeSilence);
      await sleep(recovery);
    },
  },
  partition: {
    title:
      "a node is cut off from NATS: first nothing passes and nobody is told, then connections are cut for 5 s",
    options: () => ({ load: smallLoad, wires: true }),
    mayLose: [],
    run: async (world, { stillness }) => {
      const { load } = world;
      const [, wire] = world.wires;
      load.strict(false, load.lines);
      world.fault("hang", true);
      wire?.hang();
      await sleep(stillness);
      wire?.restore();
      world.fault("hang", false);
      await sleep(recovery);
      world.fault("cut", true);
      wire?.cut();
      await sleep(5_000);
      wire?.restore();
      world.fault("cut", false);
      await sleep(recovery);
    },
  },
  clocks: {
    title: "clocks that disagree by 5 minutes, and devices that change nodes all the time",
    options: () => ({ load: smallLoad, skews: [0, 300_000, -300_000] }),
    mayLose: [],
    run: async (world) => {
      world.fault("clocks", true);
      for (let n = 0; n < 16; n++) {
        for (const [i, { device }] of world.load.phones.entries())
          if (i % 8 === n % 8 && device.state === "online") device.goTo(n + i);
        await sleep(500);
      }
      world.fault("clocks", false);
    },
  },
  rolling: {
    title: "SIGTERM and a new start of each node in turn, under live calls",
    options: () => ({ load: smallLoad, drain: 5_000 }),
    mayLose: [],
    run: async (world) => {
      const { load } = world;
      // A draining node takes no new calls: those are refused, and tried again elsewhere.
      load.strict(false);
      for (const node of world.nodes) {
        world.fault(`drain ${node.name}`, true);
        const code = await Promise.race([node.terminate(), sleep(15_000).then(() => "too late")]);
        if (code !== 0) world.finding(`${node.name} ended its drain with ${code}`);
        await node.start();
        world.fault(`drain ${node.name}`, false);
        await sleep(1_500);
      }
    },
  },
};

/** Kills nodes, with the devices that die with them; soon everything works at the others. */
async function kill(world: FaultWorld, nodes: readonly number[]): Promise<void> {
  const { load } = world;
  load.strict(false);
  world.fault("kill", true);
  // They die with it: one that saw its node die would come back at another one, and leave a link there.
  const dying = nodes.map((n) => world.node(n).kill());
  for (const n of nodes) for (const { device } of load.doomed.get(world.node(n).name) ?? []) device.vanish();
  await Promise.all(dying);
  await load.online("after the kill");
  await sleep(recovery);
  load.strict(true, load.everyLocalLine());
}

/** True when a watcher is still told that the user is there. */
function sees(world: FaultWorld, user: string): boolean {
  return world.load.watchers.some(
    ({ device, seen }) => device.state === "online" && (seen.get(user)?.length ?? 0) > 0,
  );
}

/** Takes NATS away for so long, and looks at what the nodes do meanwhile. */
async function natsAway(world: FaultWorld, time: number): Promise<void> {
  const { load } = world;
  const local = load.everyLocalLine();
  load.strict(false, load.lines);
  const before = local.map(({ completed }) => completed);
  world.fault("nats", true);
  await world.nats.kill();
  await sleep(1_000);
  const deadline = performance.now() + time - 1_000;
  do {
    await probe(world);
    await sleep(Math.min(1_000, Math.max(0, deadline - performance.now())));
  } while (performance.now() < deadline - 500);
  for (const [n, { completed }] of local.entries()) {
    const calls = completed - (before[n] ?? 0);
    // A call of the load takes two seconds at most.
    if (calls < time / 4_000 - 1) world.finding(`only ${calls} local calls in ${time} ms without NATS`);
  }
  await world.nats.start();
  world.fault("nats", false);
  const healed = async () => (await statuses(world)).every((status) => status === "ready");
  const limit = performance.now() + recovery;
  while (!(await healed()) && performance.now() < limit) await sleep(50);
  if (!(await healed())) world.finding("the nodes are not ready 5 s after NATS is back");
}

async function statuses(world: FaultWorld): Promise<string[]> {
  const all = await Promise.all(world.nodes.map((node) => node.health()));
  return all.map((health) => health?.status ?? "none");
}

/** While the backplane is away: alive, degraded, and what needs another node is refused at once. */
async function probe(world: FaultWorld): Promise<void> {
  for (const [n, status] of (await statuses(world)).entries())
    if (status !== "degraded") world.finding(`${world.node(n).name} is ${status} without NATS`);
  const live = await Promise.all(world.nodes.map((node) => node.live()));
  if (live.includes(false)) world.finding("a node is not alive without NATS");
  await Promise.all(
    world.load.longCalls.map(async ({ line, call }) => {
      const { session, pair, generation } = call.callee;
      const requests = [
        [line.caller, "call", { to: call.calleePhone.device.user }],
        [line.caller, "send", { to: call.calleePhone.device.name, body: {} }],
        [call.calleePhone, "restart", { session, pair, generation }],
      ] as const;
      for (const [phone, type, fields] of requests) {
        const began = performance.now();
        const reply = await phone.device.ask(type, fields);
        const took = Math.round(performance.now() - began);
        if (reply.error?.code !== "temporary" || took > atOnce)
          world.finding(
            `${type} was answered ${JSON.stringify(reply)} after ${took} ms without NATS`,
            phone.device.name,
          );
      }
    }),
  );
}
