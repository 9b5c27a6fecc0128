import type { SimClient } from "../support/sim-core.ts";
import { type Cost, CountedCluster } from "./counted-cluster.ts";

/** What the operations of a busy system cost, by where the users concerned have their devices. */
export interface Operations {
  /** A device's status changes; its user has devices at `holders` nodes, and `followers` others follow her. */
  presence(holders: number, followers: number): Cost;
  /** A device of such a user signs in, at a node that has none of hers. */
  signIn(holders: number, followers: number): Cost;
  /** A device begins to watch a user whom its node does not follow yet. */
  watch(holders: number): Cost;
  /** A message to a user with one device at each of `holders` other nodes, whom this node follows already, or not. */
  message(holders: number, warm: boolean): Cost;
  /** A call, from the ring to the hang-up: `holders` other nodes ring, the one that answers is there. */
  call(holders: number): Cost;
  /** The same between two devices of one node. */
  localCall(): Cost;
  /** A device in a call resumes its link at another node. */
  resume(): Cost;
}

/** Descriptions, candidates: what each end of a call sends. */
const signalsOfEach = 6;
const sdp = `v=0\r\n${"a=a line of a description\r\n".repeat(60)}`;
const candidate = {
  candidate: "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0",
  sdpMid: "0",
};

/** Measures on the real core, node by node under a simulated clock. The same numbers at each run. */
export const operations: Operations = {
  presence: (holders, followers) => {
    const { world, devices } = spread(holders, followers);
    return world.cost(() => devices[0]?.ask("status", { status: "away" }));
  },
  signIn: (holders, followers) => {
    const { world } = spread(holders, followers, 1);
    return world.cost(() => world.signIn(holders + followers + 1, "alice", "new"));
  },
  watch: (holders) => {
    const { world } = spread(holders, 0, 1);
    const watcher = world.signIn(holders + 1, "carol", "web");
    return world.cost(() => watcher.ask("watch", { users: ["alice"] }));
  },
  message: (holders, warm) => {
    const { world } = spread(holders, 0, 1);
    const sender = world.signIn(holders + 1, "carol", "web");
    const send = () =>
      sender.ask("send", { to: "alice", body: { text: "a message of some forty characters" } });
    if (warm) send();
    return world.cost(send);
  },
  call: (holders) => {
    const { world, devices } = spread(holders, 0, 1);
    const caller = world.signIn(holders + 1, "carol", "web");
    return world.cost(() => callThrough(world, caller, devices));
  },
  localCall: () => {
    const world = new CountedCluster(2);
    const caller = world.signIn(1, "carol", "web");
    const callee = world.signIn(1, "alice", "d1");
    return world.cost(() => callThrough(world, caller, [callee]));
  },
  resume: () => {
    const { world, devices } = spread(2, 0, 1);
    const caller = world.signIn(3, "carol", "web");
    callUp(world, caller, devices);
    return world.cost(() => {
      caller.sim = world.node(1);
      caller.resume({});
    });
  },
};

/** Alice with a device at each of the first nodes, watched from each of the next ones. */
function spread(holders: number, followers: number, spare = 0) {
  const world = new CountedCluster(holders + followers + spare);
  const devices = Array.from({ length: holders }, (_, n) => world.signIn(n + 1, "alice", `d${n + 1}`));
  for (let n = 0; n < followers; n++) {
    const watcher = world.signIn(holders + n + 1, `watcher${n}`, "web");
    watcher.ask("watch", { users: ["alice"] });
    world.settle();
  }
  // For a while after a user's first device came, a node hears both of her subjects.
  world.cluster.pass(31_000);
  return { world, devices };
}

function callUp(world: CountedCluster, caller: SimClient, devices: readonly SimClient[]): string {
  const { session } = caller.ask("call", { to: "alice", media: { audio: true } }).ok;
  world.settle();
  for (const device of devices) device.ask("ringing", { session });
  world.settle();
  const [winner] = devices;
  winner?.ask("accept", { session });
  world.settle();
  caller.ask("confirm", { session, device: winner?.device });
  world.settle();
  return session;
}

function callThrough(world: CountedCluster, caller: SimClient, devices: readonly SimClient[]): void {
  const session = callUp(world, caller, devices);
  const at = { session, pair: 1, generation: 1 };
  for (let n = 0; n < signalsOfEach; n++)
    for (const end of [caller, devices[0]]) {
      const type = end === caller ? "offer" : "answer";
      const what = n === 0 ? { description: { type, sdp } } : { candidates: [candidate] };
      end?.ask("signal", { ...at, ...what });
      world.settle();
    }
  caller.ask("hangup", { session });
}
