import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.ts";
import { type AttackKind, attackKinds, turnUser } from "./attack-load.ts";
import { residentBytes, startOurs } from "./bench-process.ts";
import { Histogram } from "./histogram.ts";
import { machine } from "./report.ts";
import { SwitchboardDevice } from "./switchboard-device.ts";
import { megabytes, ms, verdict } from "./table.ts";

/** What an innocent pair of devices measured beside one attack. */
export interface AttackFigures {
  readonly attack: AttackKind | "nothing";
  readonly p50: number;
  readonly p99: number;
  /** Messages that did not arrive. */
  readonly lost: number;
  /** Memory of the server afterwards, bytes. */
  readonly memory: number;
}

/** How many times the p99 beside a busy loop the one beside an attack may be. */
const goal = 2;
/** Between two messages of the innocent pair; until a late message counts as lost. ms */
const [interval, patience] = [10, 3_000];
/** How long the same is done before, so that the server's code is compiled; between the two. s */
const [warmUp, pause] = [2, 1];
/** Where attacks come from: before, and while it counts. The second one has all that an address may do. */
const [first, second] = ["127.0.0.8", "127.0.0.9"];
/** More than come at once after the longest stall. */
const listeners = 1_000;
const program = fileURLToPath(new URL("attack-load.ts", import.meta.url));

/**
 * Messages between two devices that do nothing wrong, timed beside nothing, beside a loop that takes one processor, and beside each
 * attack whose name contains one of the chosen texts. Every attack has a server of its own, with the default limits.
 */
export async function attacks(seconds: number, chosen: readonly string[]): Promise<AttackFigures[]> {
  const figures: AttackFigures[] = [];
  const kinds = attackKinds.filter((kind) => chosen.some((text) => kind.includes(text)));
  for (const attack of ["nothing", "busy loop", ...kinds] as const) {
    const measured = await beside(attack, seconds);
    console.log(`attacks ${attack}: p50 ${ms(measured.p50)}, p99 ${ms(measured.p99)}, lost ${measured.lost}`);
    figures.push(measured);
  }
  return figures;
}

async function beside(attack: AttackFigures["attack"], seconds: number): Promise<AttackFigures> {
  const sipPort = await freePort();
  const sip = { tcp: { enabled: true, host: "127.0.0.1", port: sipPort } };
  const turnPort = await freePort();
  const turn = { udpPort: turnPort, tcpPort: turnPort, users: [turnUser] };
  const server = await startOurs({ limits: {}, sip, turn });
  const { port } = server;
  const alice = await SwitchboardDevice.connect(port, "alice");
  const bob = await SwitchboardDevice.connect(port, "bob");
  const start = (address: string, seconds: number): ChildProcess | undefined => {
    const job = JSON.stringify({ kind: attack, port, sipPort, turnPort, address, seconds });
    return attack === "nothing" ? undefined : spawn(process.execPath, [program, job], { stdio: "ignore" });
  };
  const before = start(first, warmUp);
  await talk(alice, warmUp, "w", () => {});
  before?.kill("SIGKILL");
  await Bun.sleep(pause * 1_000);
  const child = start(second, seconds + 2);
  const { times, lost } = await timed(alice, bob, seconds);
  const memory = residentBytes(server.pid);
  child?.kill("SIGKILL");
  await server.stop();
  return { attack, p50: times.percentile(0.5), p99: times.percentile(0.99), lost, memory };
}

async function timed(alice: SwitchboardDevice, bob: SwitchboardDevice, seconds: number) {
  const times = new Histogram();
  const sentAt = new Map<string, number>();
  const listen = async (): Promise<never> => {
    for (;;) {
      const { body } = await bob.push("message");
      const at = sentAt.get(body);
      if (at !== undefined) times.record(performance.now() - at);
      sentAt.delete(body);
    }
  };
  // A device forgets what nobody waits for, and after a stall many messages come in one read.
  for (let n = 0; n < listeners; n++) void listen();
  await talk(alice, seconds, "m", (body) => sentAt.set(body, performance.now()));
  const last = performance.now() + patience;
  while (sentAt.size > 0 && performance.now() < last) await Bun.sleep(interval);
  return { times, lost: sentAt.size };
}

/** Numbered messages for so long. */
async function talk(
  from: SwitchboardDevice,
  seconds: number,
  name: string,
  sending: (body: string) => void,
): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  for (let n = 0; performance.now() < end; n++) {
    const body = `${name}${n}`;
    sending(body);
    from.fire("send", { to: "bob", body });
    await Bun.sleep(interval);
  }
}

/** The figures as Markdown. */
export function attackReport(figures: readonly AttackFigures[], seconds: number): string {
  const busy = figures.find(({ attack }) => attack === "busy loop")?.p99 ?? 0;
  const rows = figures.map(
    ({ attack, p50, p99, lost, memory }) =>
      `| ${attack} | ${ms(p50)} | ${ms(p99)} | ${(p99 / busy).toFixed(2)} × | ${lost} | ${megabytes(memory)} |`,
  );
  const attacked = figures.filter(({ attack }) => attack !== "nothing" && attack !== "busy loop");
  const worst = Math.max(...attacked.map(({ p99 }) => p99 / busy));
  return [
    `${new Date().toISOString().slice(0, 10)}, ${machine()}. Each line ${seconds} s, on a server of its own; every attack from one address, by two connections that start over when they are closed, or at TURN's UDP port by one socket with 30,000 datagrams a second; for ${warmUp} s before, the same from another address.`,
    "",
    "| beside | p50 | p99 | p99, in the busy loop's | lost | memory of the server |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
    verdict(
      `p99 ≤ ${goal} × that beside a busy loop, in every line: at most ${worst.toFixed(2)} ×`,
      worst <= goal,
    ),
  ].join("\n");
}
