import { Histogram } from "./histogram.ts";
import { MqttDevice } from "./mqtt-device.ts";
import { PeerjsDevice } from "./peerjs-device.ts";
import { type RelayDevice, runRelay } from "./relay-load.ts";
import { SipPhone } from "./sip-phone.ts";
import { benchSecret, SwitchboardDevice } from "./switchboard-device.ts";

/** What one run of the generator is to do; its only argument, as JSON. */
export interface Job {
  /** `gateway`: ours, for clients of PeerJS. */
  readonly server: "switchboard" | "gateway" | "peerjs" | "bare" | "sip";
  /** Of the nodes; devices are spread over them so that they deal with each other across nodes. */
  readonly ports: readonly number[];
  readonly scenario: "relay" | "idle" | "setup" | "fanout" | "resume" | "sip-invite" | "setup-gateways";
  /** Devices that are connected. */
  readonly devices: number;
  /** What the names of native devices' users begin with, `user` by default. */
  readonly name?: string;
  /** Relay: messages of each device under way at a time. */
  readonly inFlight?: number;
  /** Operations a second, where there is a rate. */
  readonly rate?: number;
  /** s */
  readonly warmUp: number;
  readonly measure: number;
}

/** What the generator prints, a line each: `measuring` and `measured` frame the time that counts. */
export type Line =
  | { readonly event: "measuring" | "measured" }
  | { readonly event: "result"; readonly values: Record<string, number> };

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const say = (line: Line) => console.log(JSON.stringify(line));
const measuring = (began: boolean) => say({ event: began ? "measuring" : "measured" });
const result = (values: Record<string, number>) => say({ event: "result", values });

/** Makes this many, some at a time. */
async function connectAll<T>(count: number, connect: (n: number) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  const next = { value: 0 };
  const worker = async () => {
    for (let n = next.value++; n < count; n = next.value++) all[n] = await connect(n);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  return all;
}

const port = (n: number) => job.ports[n % job.ports.length] as number;
/** Neighbours are at different nodes, where there are several. */
const switchboardDevices = (count: number) =>
  connectAll(count, (n) => SwitchboardDevice.connect(port(n), `${job.name ?? "user"}${n}`));

async function relay(): Promise<void> {
  const pairs: [RelayDevice, RelayDevice][] = [];
  if (job.server === "switchboard") {
    const devices = await switchboardDevices(job.devices);
    for (let n = 0; n < devices.length; n += 2) {
      const [one, two] = [devices[n]!, devices[n + 1]!];
      await one.callTo(two);
      pairs.push([one, two]);
    }
  } else {
    const devices = await connectAll(job.devices, (n) => PeerjsDevice.connect(port(0), `peer${n}`));
    for (let n = 0; n < devices.length; n += 2) {
      const [one, two] = [devices[n]!, devices[n + 1]!];
      if (job.server !== "bare") await one.call(two);
      one.talksTo(two);
      two.talksTo(one);
      pairs.push([one, two]);
    }
  }
  result({ ...(await runRelay(pairs, job.inFlight ?? 1, job.warmUp, job.measure, measuring)) });
}

/** Connects and holds still until it is ended from outside. */
async function idle(): Promise<void> {
  if (job.server === "switchboard") await switchboardDevices(job.devices);
  else await connectAll(job.devices, (n) => PeerjsDevice.connect(port(0), `peer${n}`));
  measuring(true);
  await new Promise(() => {});
}

/** Does something at a steady rate, whether or not the last one is done, and times each. */
async function atRate(
  operate: (n: number) => Promise<number>,
  more: Readonly<Record<string, () => number>> = {},
): Promise<void> {
  const histogram = new Histogram();
  const interval = 1_000 / (job.rate ?? 100);
  const warm = Math.round((job.warmUp * 1_000) / interval);
  const total = warm + Math.round((job.measure * 1_000) / interval);
  const running: Promise<void>[] = [];
  const began = performance.now();
  for (let n = 0; n < total; n++) {
    const due = began + n * interval;
    const wait = due - performance.now();
    if (wait > 0) await Bun.sleep(wait);
    if (n === warm) {
      histogram.clear();
      measuring(true);
    }
    running.push(operate(n).then((ms) => histogram.record(ms)));
  }
  await Promise.all(running);
  measuring(false);
  result({
    count: histogram.count,
    p50: histogram.percentile(0.5),
    p99: histogram.percentile(0.99),
    ...Object.fromEntries(Object.entries(more).map(([name, value]) => [name, value()])),
  });
}

/** `call` to `accepted`, the callee answering at once. */
async function setup(): Promise<void> {
  const devices = await switchboardDevices(job.devices);
  const half = devices.length / 2;
  await atRate(async (n) => {
    const at = 2 * (n % half);
    const [caller, callee] = [devices[at]!, devices[at + 1]!];
    const began = performance.now();
    const call = caller.ask("call", { to: callee.user });
    const { session } = await callee.push("incoming");
    const answer = callee.ask("accept", { session });
    await caller.push("accepted", session);
    const took = performance.now() - began;
    await call;
    await caller.ask("confirm", { session, device: callee.id });
    await answer;
    await caller.ask("hangup", { session });
    await callee.push("ended", session);
    return took;
  });
}

/** OFFER of a client of PeerJS to its ANSWER, by a native device over MQTT. */
async function setupThroughGateways(): Promise<void> {
  const half = job.devices / 2;
  await connectAll(half, (n) => MqttDevice.connect(port(1), `callee${n}`));
  const callers = await connectAll(half, (n) => PeerjsDevice.connect(port(0), `caller${n}`));
  await atRate(async (n) => {
    const caller = callers[n % half]!;
    const began = performance.now();
    await caller.offer(`callee${n % half}`, `mc_${n}`);
    const took = performance.now() - began;
    caller.leave(`callee${n % half}`);
    return took;
  });
}

/** `call` until the last of eight devices rings. */
async function fanout(): Promise<void> {
  const users = job.devices / 8;
  const callees = await connectAll(job.devices, (n) =>
    SwitchboardDevice.connect(port(n % 8), `callee${Math.floor(n / 8)}`, `device${n % 8}`),
  );
  const callers = await switchboardDevices(users);
  await atRate(async (n) => {
    const caller = callers[n % users]!;
    const devices = callees.slice((n % users) * 8, (n % users) * 8 + 8);
    const began = performance.now();
    const call = caller.ask("call", { to: `callee${n % users}` });
    await Promise.all(devices.map((device) => device.push("incoming")));
    const took = performance.now() - began;
    const { session } = await call;
    await caller.ask("cancel", { session });
    await Promise.all(devices.map((device) => device.push("ended", session)));
    return took;
  });
}

/** A broken transport to `welcome` over the next one; to another node, where there are several. */
async function resume(): Promise<void> {
  const devices = await switchboardDevices(job.devices);
  const opened = new Histogram();
  await atRate(
    async (n) => {
      const began = performance.now();
      const device = n % devices.length;
      const hello = await devices[device]!.resume(port(device + 1 + Math.floor(n / devices.length)));
      opened.record(performance.now() - hello);
      return performance.now() - began;
    },
    { helloP50: () => opened.percentile(0.5), helloP99: () => opened.percentile(0.99) },
  );
}

/** INVITE to 200, of as many callers as callees, each with one call at a time. */
async function sipInvite(): Promise<void> {
  const phones = await connectAll(job.devices, (n) => SipPhone.connect(port(0), `phone${n}`));
  if (job.server === "switchboard") for (const phone of phones) await phone.register(benchSecret);
  const histogram = new Histogram();
  for (let n = 0; n < phones.length; n += 2) {
    const caller = phones[n]!;
    caller.onAnswered = (ms) => histogram.record(ms);
    caller.callForEver(phones[n + 1]!.user);
  }
  await Bun.sleep(job.warmUp * 1_000);
  histogram.clear();
  measuring(true);
  const began = performance.now();
  await Bun.sleep(job.measure * 1_000);
  const seconds = (performance.now() - began) / 1_000;
  measuring(false);
  const { count } = histogram;
  const [p50, p99] = [histogram.percentile(0.5), histogram.percentile(0.99)];
  result({ setupsPerSecond: count / seconds, p50, p99 });
}

process.on("uncaughtException", (error) => {
  console.error(error);
  process.exit(1);
});

const scenarios = {
  ...{ relay, idle, setup, fanout, resume },
  ...{ "sip-invite": sipInvite, "setup-gateways": setupThroughGateways },
};
await scenarios[job.scenario]();
process.exit(0);
