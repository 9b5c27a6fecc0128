import { FaultWorld } from "../cluster/fault-world.ts";
import { type Call, type Line, sleep } from "../cluster/line.ts";
import { Histogram } from "./histogram.ts";
import type { Figures } from "./scenarios.ts";

/** Calls between the node that dies and another one, half of them from there and half to there. */
const calls = 40;
/** How long a call may take to be found again, ms. */
const patience = 20_000;

/**
 * `kill -9` of a node that holds one end of many calls, until each call renegotiates again (a restart is answered, and both ends are
 * told): counted from the kill, and from the moment at which the device's next transport is open.
 */
export async function failover(rounds: number): Promise<Figures> {
  const fromKill = new Histogram();
  const fromReconnect = new Histogram();
  let lost = 0;
  for (let round = 0; round < rounds; round++) {
    const world = await FaultWorld.start({
      seed: round + 1,
      load: {
        lines: 0,
        localLines: 0,
        // Callers at nodes in turn, their callees at the next ones: two thirds have an end at the first node.
        longCalls: Math.ceil(calls * 1.5),
        messengers: 0,
        messageEvery: 1_000,
        doomed: 0,
      },
    });
    try {
      const home = world.node(0).name;
      const concerned = world.load.longCalls.filter(
        ({ line, call }) => endAt(line, call, home) !== undefined,
      );
      const ends = concerned.map(({ line, call }) => ({ line, call, end: endAt(line, call, home)! }));
      await sleep(500);
      const killed = performance.now();
      await world.node(0).kill();
      await Promise.all(
        ends.map(async ({ line, call, end }) => {
          const { renewals } = end.device;
          if (!(await renegotiates(line, call, () => end.device.renewals > renewals))) {
            lost += 1;
            return;
          }
          const now = performance.now();
          fromKill.record(now - killed);
          fromReconnect.record(now - end.device.helloAt);
        }),
      );
    } finally {
      await world.stop();
    }
  }
  return {
    count: fromKill.count,
    lost,
    killP50: fromKill.percentile(0.5),
    killP99: fromKill.percentile(0.99),
    p50: fromReconnect.percentile(0.5),
    p99: fromReconnect.percentile(0.99),
  };
}

/** The end of the call whose link is at that node. */
function endAt(line: Line, { calleePhone }: Call, home: string) {
  return [line.caller, calleePhone].find(({ device }) => device.home === home);
}

/** Asks for a restart again and again until both ends have it; `back` says that the end which was lost is there again. */
async function renegotiates(line: Line, call: Call, back: () => boolean): Promise<boolean> {
  const { session } = call.caller;
  const deadline = performance.now() + patience;
  while (performance.now() < deadline) {
    const caller = line.caller.talks.get(session);
    const callee = call.calleePhone.talks.get(session);
    if (caller === undefined || callee === undefined) return false;
    if (back() && caller.state === "active" && callee.state === "active") {
      const { pair, generation } = caller;
      const reply = await line.caller.device.ask("restart", { session, pair, generation });
      while (reply.ok !== undefined && performance.now() < deadline) {
        if (caller.generation > generation && callee.generation > generation) return true;
        await sleep(1);
      }
    }
    await sleep(2);
  }
  return false;
}
