import { type Ask, api } from "../api/support.ts";
import { mediaFlows, nothingLeft, over, type Party, whyNot } from "./cell.ts";
import type { Client } from "./client.ts";
import { answered, type End, eventually } from "./end.ts";
import { runNodeDeaths } from "./node-deaths.ts";
import type { Rig } from "./rig.ts";

/** Something that takes more than two clients, and what became of it: `why` is empty where it went well. */
export interface ScenarioOutcome {
  readonly name: string;
  readonly result: "ok" | "failed";
  readonly why: string;
  /** What each client said that lost. */
  readonly said: readonly string[];
}

/** Clients of six protocols and transports. */
const protocols = ["Chromium", "MQTT", "JsSIP", "SIP.js", "baresip", "stanza", "PeerJS"];

/** Runs one scenario, and keeps what became of it. */
export type Settle = (name: string, run: () => Promise<readonly string[]>) => Promise<void>;

/** Runs every scenario with those of these clients that take part in it. */
export async function runScenarios(rig: Rig, clients: readonly Client[]): Promise<ScenarioOutcome[]> {
  const outcomes: ScenarioOutcome[] = [];
  const settle: Settle = async (name, run) => {
    let outcome: ScenarioOutcome;
    try {
      outcome = { name, result: "ok", why: "", said: await run() };
    } catch (error) {
      const why = (error as Error).message.split("\n")[0] ?? "";
      outcome = { name, result: "failed", why, said: [] };
    }
    console.error(`${outcome.result} ${name} ${outcome.why} ${outcome.said.join(", ")}`);
    outcomes.push(outcome);
  };
  const here = clients.filter(({ lacks }) => lacks === undefined);
  const many = here.filter(({ name }) => protocols.includes(name));
  const native = here.find(({ name }) => name === "Chromium");
  if (native === undefined) return outcomes;
  const ask = api(rig.server);

  const devices = await openMany(rig, many);
  const caller = await openParty(rig, native, { user: "caller", color: "red", tone: 400 });
  for (const winner of devices)
    await settle(`one ring to ${many.length} devices, answered by ${winner.client.name}`, () =>
      answeredByOne(caller, devices, winner, ask),
    );
  await settle(`${many.length} devices answer at once`, () => answeredAtOnce(caller, devices, ask));
  for (const { end } of devices) await end.close();
  const node = here.find(({ name }) => name === "Node");
  for (const client of here)
    if (node !== undefined)
      await settle(`${client.name} moves its call to a native device`, () =>
        movesToNative(rig, client, caller, node, ask),
      );
  await caller.end.close();
  await runNodeDeaths(rig, here, settle);
  return outcomes;
}

type Wished = Parameters<Client["open"]>[1];

async function openParty(rig: Rig, client: Client, wishes: Wished): Promise<Party> {
  return { client, end: await client.open(rig, wishes) };
}

/** A user with a device of each client. */
async function openMany(rig: Rig, clients: readonly Client[]): Promise<Party[]> {
  const devices: Party[] = [];
  for (const [n, client] of clients.entries()) {
    const device = client.name.toLowerCase();
    devices.push(await openParty(rig, client, { user: "many", device, color: "blue", tone: 600 + 120 * n }));
  }
  return devices;
}

/** A call of the client with a native device goes to another device of the client's user, which is native too. */
async function movesToNative(
  rig: Rig,
  client: Client,
  peer: Party,
  node: Client,
  ask: Ask,
): Promise<string[]> {
  const user = `mover-${client.name.toLowerCase().replace(/[^a-z0-9]/g, "")}`;
  const mover = await openParty(rig, client, { user, color: "blue", tone: 700 });
  // Opened after the call has begun, it does not ring with the first one.
  let native: Party | undefined;
  try {
    const calls = whyNot(client, peer.client) === undefined;
    if (calls) await answered(mover.end, peer.end);
    else await answered(peer.end, mover.end);
    await mediaFlows(mover, peer);
    native = await openParty(rig, node, { user, device: "native", color: "green", tone: 1_000 });
    const { body } = await ask("GET", `/sessions?user=${user}`);
    const move = await ask("POST", `/sessions/${body.items[0].session}/move`, { user, device: "native" });
    if (move.status !== 202)
      throw new Error(`the move is answered ${move.status}: ${JSON.stringify(move.body)}`);
    await eventually("the native device to ring", async () => ((await native?.end.state())?.rings ?? 0) > 0);
    await native.end.answer();
    await mediaFlows(native, peer);
    await eventually(`${client.name} to end`, async () => (await mover.end.state()).ended !== undefined);
    const { ended } = await mover.end.state();
    await native.end.hangup();
    await over(peer, "told", () => {});
    await nothingLeft(ask, native, peer);
    return [`${client.name}: \`${ended}\``];
  } finally {
    await mover.end.close();
    await native?.end.close();
  }
}

async function ringAll(caller: End, devices: readonly Party[]): Promise<void> {
  const before = await Promise.all(devices.map(async ({ end }) => (await end.state()).rings));
  await caller.call("many");
  for (const [n, { client, end }] of devices.entries())
    await eventually(`${client.name} to ring`, async () => (await end.state()).rings > (before[n] ?? 0));
}

async function answeredByOne(
  caller: Party,
  devices: readonly Party[],
  winner: Party,
  ask: Ask,
): Promise<string[]> {
  await ringAll(caller.end, devices);
  await winner.end.answer();
  await mediaFlows(caller, winner);
  return await lostAndOver(caller, devices, winner, ask);
}

async function answeredAtOnce(caller: Party, devices: readonly Party[], ask: Ask): Promise<string[]> {
  await ringAll(caller.end, devices);
  // JsSIP throws where the other one's answer has arrived first.
  await Promise.all(devices.map(({ end }) => end.answer().catch(() => {})));
  const going = async () => {
    const states = await Promise.all(devices.map(({ end }) => end.state()));
    return devices.filter((_, n) => states[n]?.ended === undefined);
  };
  await eventually("all but one to end", async () => (await going()).length <= 1);
  const [winner] = await going();
  if (winner === undefined) throw new Error("nobody has the call");
  await mediaFlows(caller, winner);
  return await lostAndOver(caller, devices, winner, ask);
}

/** The losers were told that another device answered; the caller hangs up. Returns what each loser said. */
async function lostAndOver(
  caller: Party,
  devices: readonly Party[],
  winner: Party,
  ask: Ask,
): Promise<string[]> {
  const said: string[] = [];
  const heard = ({ name }: Client, _: string, words: string) => said.push(`${name}: \`${words}\``);
  for (const device of devices) if (device !== winner) await over(device, "elsewhere", heard);
  await caller.end.hangup();
  await over(winner, "told", () => {});
  await nothingLeft(ask, caller, winner);
  return said;
}
