// CPU per delivered message, allocations and memory of our TURN server beside Debian's coturn, with the same commands one after the
// other on loopback. A delivered message takes two relay hops: client → relay A → relay B → client.
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bindUdp } from "../../src/net/udp.ts";
import { TurnClient, TurnClientError } from "../../src/turn/shell/turn-client.ts";
import { account, Coturn, coturnVersion, hasCoturn, uclient } from "../turn/support/coturn.ts";

export interface TurnBenchSize {
  /** Rounds that count, after one that warms up. */
  readonly rounds: number;
  /** Messages of each of the {@link relayClients}. */
  readonly messages: number;
  readonly allocations: number;
}

/** What one server cost. Times are µs of CPU of all threads. */
export interface TurnFigures {
  readonly name: string;
  /** One number a round. */
  readonly perMessage: readonly number[];
  readonly lost: number;
  readonly perAllocation: number;
  readonly allocationsPerSecond: number;
  /** KiB of resident memory. */
  readonly allocationMemory: number;
}

export const relayClients = 40;

/** A server in a process of its own. */
interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  stop(): Promise<unknown>;
}

/** µs of CPU of all threads. */
function cpu(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const [spent = "0"] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    return sum + Number(spent) / 1_000;
  }, 0);
}

/** KiB of resident memory. */
function resident(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}

async function startOurs(name: string, hairpin: boolean): Promise<Subject> {
  const options = {
    listen: ["127.0.0.1"],
    udpPort: 0,
    tcpPort: "off",
    realm: account.realm,
    users: [account],
    relayPorts: [50_000, 53_999],
    unsafeLoopback: true,
    hairpin,
    limits: {
      allocationsPerUser: 5_000,
      allocationsPerAddress: 5_000,
      allocations: 5_000,
      refusalsPerSecond: 100_000,
      bytesPerSecond: 1e9,
      totalBytesPerSecond: 1e10,
    },
  };
  const program = fileURLToPath(new URL("../turn/support/serve.ts", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("no output");
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const { pid, ports } = JSON.parse(value ?? "{}");
  return { name, pid, port: ports.udp, stop: async () => child.stdin?.end() };
}

async function startCoturn(): Promise<Subject> {
  const coturn = await Coturn.start();
  return {
    name: `coturn ${coturnVersion()}`,
    pid: coturn.process.pid ?? 0,
    port: coturn.port,
    stop: () => coturn.stop(),
  };
}

async function relay(subject: Subject, each: number): Promise<{ cpu: number; lost: number }> {
  const before = cpu(subject.pid);
  const flags = `-y -c -l 172 -n ${each} -m ${relayClients} -z 1`.split(" ");
  const { received, sent, output } = await uclient(subject.port, ...flags);
  if (received <= 0) throw new Error(`${subject.name} relayed nothing:\n${output.slice(-2_000)}`);
  return { cpu: (cpu(subject.pid) - before) / received, lost: sent - received };
}

async function allocate(
  subject: Subject,
  allocations: number,
): Promise<Pick<TurnFigures, "perAllocation" | "allocationsPerSecond" | "allocationMemory">> {
  const sockets: { close(): void }[] = [];
  const one = async (): Promise<void> => {
    let client: TurnClient | undefined;
    const socket = await bindUdp({
      address: "127.0.0.1",
      port: 0,
      receive: (bytes) => client?.receive(bytes),
    });
    sockets.push(socket);
    const send = (bytes: Uint8Array) => void socket.send(bytes, subject.port, "127.0.0.1");
    client = new TurnClient(send, account.name, account.password);
    await client.allocate().catch((error: unknown) => {
      // The port was that of a client of the tool before, whose allocation is still there.
      if (error instanceof TurnClientError && error.code === 437) return one();
      throw error;
    });
  };
  for (let n = 0; n < 50; n++) await one();
  const [cpuBefore, memoryBefore, start] = [cpu(subject.pid), resident(subject.pid), performance.now()];
  for (let n = 0; n < allocations; n += 20) await Promise.all(Array.from({ length: 20 }, one));
  const seconds = (performance.now() - start) / 1_000;
  const result = {
    perAllocation: (cpu(subject.pid) - cpuBefore) / allocations,
    allocationsPerSecond: allocations / seconds,
    allocationMemory: (resident(subject.pid) - memoryBefore) / allocations,
  };
  for (const socket of sockets) socket.close();
  return result;
}

/** coturn, ours with the short way inside the server, ours through relay sockets; undefined where coturn is missing. */
export async function benchTurn(size: TurnBenchSize): Promise<TurnFigures[] | undefined> {
  if (!hasCoturn) return undefined;
  const subjects = [
    await startCoturn(),
    await startOurs("Switchboard, inside the server", true),
    await startOurs("Switchboard, relay sockets", false),
  ];
  const costs = subjects.map((): number[] => []);
  const lost = subjects.map(() => 0);
  // In turns, so that what else the machine does meets all of them. The first round warms up.
  for (let round = 0; round <= size.rounds; round++)
    for (const [index, subject] of subjects.entries()) {
      const relayed = await relay(subject, size.messages);
      if (round > 0) costs[index]?.push(relayed.cpu);
      lost[index] = (lost[index] ?? 0) + relayed.lost;
    }
  const figures: TurnFigures[] = [];
  for (const [index, subject] of subjects.entries())
    figures.push({
      name: subject.name,
      perMessage: costs[index] ?? [],
      lost: lost[index] ?? 0,
      ...(await allocate(subject, size.allocations)),
    });
  await Promise.all(subjects.map((subject) => subject.stop()));
  return figures;
}
