import type { CertificatePair } from "../../net/certificate-files.ts";
import { random } from "../../net/crypto.ts";
import { startWorker, type WorkerThread } from "../../net/worker.ts";
import type { TurnEvent } from "../events.ts";
import { startTurn, type TurnPorts, type TurnReport, type TurnServer } from "../server.ts";
import { FleetPorts } from "./fleet-ports.ts";
import { defaultRelayPorts, defaultUdpPort, type TurnOptions } from "./options.ts";
import type { SelfTestResult } from "./self-test.ts";

export type ToWorker =
  | { readonly type: "revoke"; readonly user: string; readonly ago: number }
  | { readonly type: "certificate"; readonly pair: CertificatePair }
  | { readonly type: "test" }
  | { readonly type: "stop" };

export type FromWorker =
  | { readonly type: "started"; readonly ports: TurnPorts; readonly report: TurnReport }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "report"; readonly report: TurnReport }
  | { readonly type: "log"; readonly event: TurnEvent }
  | { readonly type: "tested"; readonly result: SelfTestResult }
  | { readonly type: "stopped" };

/** A TURN server of several workers. */
export interface TurnFleet extends TurnServer {
  /** The ports of each worker, for spreading clients over them. */
  readonly workers: readonly TurnPorts[];
}

/**
 * Starts a server of several workers. The first one is this thread, the others are threads of their own. The n-th worker has the
 * ports of the first plus n, and its share of the relay ports. `failed` is called when a worker ends by itself. Rejects when one
 * can't start, and then none is left running.
 */
export async function startTurnFleet(
  options: TurnOptions,
  count: number,
  failed: (reason: Error) => void,
): Promise<TurnFleet> {
  if (count === 1) {
    const turn = await startTurn(options);
    return { ...turn, workers: [turn.ports] };
  }
  const { log = () => {}, ...rest } = options;
  const memory = new SharedArrayBuffer(FleetPorts.bytes);
  const given = rest.secrets ?? [];
  const secrets = given.length > 0 || (rest.users ?? []).length > 0 ? given : [random(32)];
  const shared = { ...rest, secrets, nonceKey: rest.nonceKey ?? random(32), fleet: memory };
  const first = await startTurn({ ...share(shared, 0, count), log });
  const members: Member[] = [];
  try {
    for (let n = 1; n < count; n++) members.push(await Member.start(share(shared, n, count), log, failed));
  } catch (error) {
    await Promise.all([first.stop(), ...members.map((member) => member.stop())]);
    throw error;
  }
  return {
    ...first,
    workers: [first.ports, ...members.map((member) => member.ports)],
    stats: () => members.reduce((sum, member) => add(sum, member.report), first.stats()),
    selfTest: async () => {
      const results = await Promise.all([first.selfTest(), ...members.map((member) => member.test())]);
      return (
        results.find((result) => !result.ok) ?? { ok: true, ms: Math.max(...results.map(({ ms }) => ms)) }
      );
    },
    revoke: (user, ago = 0) => {
      first.revoke(user, ago);
      for (const member of members) member.post({ type: "revoke", user, ago });
    },
    useCertificate: (pair) => {
      first.useCertificate(pair);
      for (const member of members) member.post({ type: "certificate", pair });
    },
    stop: async () => {
      await Promise.all([first.stop(), ...members.map((member) => member.stop())]);
    },
  };
}

/** A worker, seen from the thread that started it. */
class Member {
  readonly ports: TurnPorts;
  report: TurnReport;
  readonly #thread: WorkerThread;
  #tested: (result: SelfTestResult) => void = () => {};
  #stopped: () => void = () => {};

  static start(
    options: TurnOptions,
    log: (event: TurnEvent) => void,
    failed: (reason: Error) => void,
  ): Promise<Member> {
    return new Promise((resolve, reject) => {
      let member: Member | undefined;
      const module = new URL(`./worker${/\.[jt]s$/.exec(import.meta.url)?.[0] ?? ".ts"}`, import.meta.url);
      const received = (message: unknown): void => {
        const said = message as FromWorker;
        if (said.type === "started") {
          member = new Member(thread, said.ports, said.report);
          resolve(member);
        } else if (said.type === "failed") {
          void thread.end();
          reject(new Error(said.reason));
        } else if (said.type === "log") log(said.event);
        else member?.hear(said);
      };
      const thread = startWorker(module, options, received, (reason) =>
        member === undefined ? reject(reason) : failed(reason),
      );
    });
  }

  private constructor(thread: WorkerThread, ports: TurnPorts, report: TurnReport) {
    this.#thread = thread;
    this.ports = ports;
    this.report = report;
  }

  post(message: ToWorker): void {
    this.#thread.post(message);
  }

  hear(message: FromWorker): void {
    if (message.type === "report") this.report = message.report;
    else if (message.type === "tested") this.#tested(message.result);
    else if (message.type === "stopped") this.#stopped();
  }

  test(): Promise<SelfTestResult> {
    return new Promise((resolve) => {
      this.#tested = resolve;
      this.post({ type: "test" });
    });
  }

  async stop(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    this.post({ type: "stop" });
    await stopped;
    await this.#thread.end();
  }
}

/** The n-th worker's ports. If the first worker takes any free port, the others do too. */
function share(options: TurnOptions, n: number, count: number): TurnOptions {
  const [least, last] = options.relayPorts ?? defaultRelayPorts;
  const size = Math.floor((last - least + 1) / count);
  if (size < 2) throw new RangeError(`${least}–${last} are too few relay ports for ${count} workers`);
  const from = least + n * size;
  const plus = (port: number): number => (port === 0 ? 0 : port + n);
  const { udpPort = defaultUdpPort, tcpPort = defaultUdpPort } = options;
  const { tls, ...rest } = options;
  return {
    ...rest,
    udpPort: udpPort === "off" ? udpPort : plus(udpPort),
    tcpPort: tcpPort === "off" ? tcpPort : plus(tcpPort),
    ...(tls === undefined ? {} : { tls: { ...tls, port: plus(tls.port) } }),
    relayPorts: [from, n === count - 1 ? last : from + size - 1],
  };
}

function add(one: TurnReport, other: TurnReport): TurnReport {
  const sum: Record<string, unknown> = { ...one };
  for (const [name, value] of Object.entries(other))
    if (typeof value === "number") sum[name] = Number(sum[name]) + value;
  const refused = { ...one.refused };
  for (const [rule, value] of Object.entries(other.refused) as [keyof typeof refused, number][])
    refused[rule] += value;
  return { ...(sum as unknown as TurnReport), refused };
}
