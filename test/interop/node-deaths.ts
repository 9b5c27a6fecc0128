import { type Ask, api } from "../api/support.ts";
import { converseBriefly, mediaFlows, nothingLeft, type Party, whyNot } from "./cell.ts";
import type { Client } from "./client.ts";
import { answered, eventually, rung } from "./end.ts";
import type { Rig } from "./rig.ts";
import type { Settle } from "./scenarios.ts";

/** A client, and a native device that it has a call with. */
interface Couple {
  readonly client: Party;
  readonly native: Party;
}

/** How long a client may take to find the server again, ms. */
const homecoming = 120_000;
/** How long a client may take to hear of a hang-up that it may never hear of, ms. */
const hearing = 15_000;

/**
 * The server dies, as by `kill -9`, while a call of each client rings, and once more while each is in a call. Nothing here waits for one
 * client because of another one's fault.
 */
export async function runNodeDeaths(rig: Rig, clients: readonly Client[], settle: Settle): Promise<void> {
  const ask = api(rig.server);
  const [chromium, node] = ["Chromium", "Node"].map((name) => clients.find((one) => one.name === name));
  if (chromium === undefined || node === undefined) return;
  const couples: Couple[] = [];
  for (const [n, client] of clients.entries()) {
    const native = whyNot(node, client) === undefined ? node : chromium;
    // A page that is made for these tests alone does not connect again.
    if (whyNot(native, client) !== undefined || client.callsNobody !== undefined) continue;
    const word = client.name.toLowerCase().replace(/[^a-z0-9]/g, "");
    const open = async (one: Client, user: string, color: "red" | "blue", tone: number): Promise<Party> => ({
      client: one,
      end: await one.open(rig, { user, color, tone }),
    });
    couples.push({
      client: await open(client, `dying-${word}`, "blue", 400 + 60 * n),
      native: await open(native, `living-${word}`, "red", 1_300 + 60 * n),
    });
  }
  const broken = new Set<Couple>();
  const step = async (couple: Couple, run: () => Promise<unknown>, what: string): Promise<void> => {
    if (broken.has(couple)) return;
    const name = `${couple.client.client.name}: the server dies ${what}`;
    await run().catch(async (error) => {
      broken.add(couple);
      await settle(name, () => Promise.reject(error));
      for (const { end } of [couple.client, couple.native])
        console.error(`  ${await end.about?.().catch(String)}`);
    });
  };
  const all = (run: (couple: Couple) => Promise<void>) => Promise.all(couples.map(run));

  const ringing = couples.filter(({ client }) => client.client.answersItself !== true);
  const rings = new Map<Couple, number>();
  const midRing = "while its ring goes on";
  for (const couple of ringing)
    await step(
      couple,
      async () => {
        await rung(couple.native.end, couple.client.end);
        rings.set(couple, (await couple.client.end.state()).rings);
      },
      midRing,
    );
  await rig.crash();
  await revive(couples, "a ring");
  await Promise.all(
    ringing.map((couple) =>
      step(
        couple,
        async () => {
          const { client, native } = couple;
          await home(ask, couple);
          const before = Math.min(rings.get(couple) ?? 0, (await client.end.state()).rings);
          // A caller rings again by itself. Whom it doesn't find yet it can't ring: then it hears so.
          const again = async () => (await client.end.state()).rings > before;
          const ended = async () => (await native.end.state()).ended;
          await eventually(
            `${client.client.name} to ring again, or its caller to hear why not`,
            async () => (await again()) || (await ended()) !== undefined,
            homecoming,
          );
          const said = ["it rings again"];
          if (!(await again())) {
            said[0] = `its caller hears \`${await ended()}\``;
            await rung(native.end, client.end);
          }
          await client.end.answer();
          await mediaFlows(native, client);
          await native.end.hangup();
          const over = async () => (await client.end.state()).ended !== undefined;
          await eventually(`${client.client.name} to end`, over);
          await nothingLeft(ask, client, native);
          await settle(`${client.client.name}: the server dies ${midRing}`, async () => said);
        },
        midRing,
      ),
    ),
  );

  const midCall = "in mid-call";
  for (const couple of couples)
    await step(
      couple,
      async () => {
        const { client, native } = couple;
        const calls = whyNot(client.client, native.client) === undefined;
        await answered(
          ...((calls ? [client.end, native.end] : [native.end, client.end]) as [
            typeof client.end,
            typeof client.end,
          ]),
        );
        await mediaFlows(client, native);
      },
      midCall,
    );
  // One after another: to look at ten calls at once leaves their media no time.
  await rig.crash(async () => {
    for (const couple of couples) await step(couple, () => mediaFlows(couple.client, couple.native), midCall);
  });
  const revived = await revive(couples, "a call");
  await all((couple) =>
    step(
      couple,
      async () => {
        const { client, native } = couple;
        const isNew = revived.has(couple);
        const said = ["its media goes on"];
        await home(ask, couple);
        if ((await native.end.state()).ended === undefined) await native.end.hangup();
        await eventually(
          "the native device to end",
          async () => (await native.end.state()).ended !== undefined,
        );
        const ended = async () => (await client.end.state()).ended;
        if (isNew) said.push("it is started again, which ends its call");
        else {
          await eventually("the end", async () => (await ended()) !== undefined, hearing).catch(async () => {
            said.push("it doesn't hear of the hang-up, and its person hangs up");
            await client.end.hangup();
          });
          await eventually(`${client.client.name} to end`, async () => (await ended()) !== undefined);
          said.push(`\`${await ended()}\``);
        }
        await nothingLeft(ask, client, native);
        await converseBriefly(native, client, ask);
        await settle(`${client.client.name}: the server dies ${midCall}`, async () => said);
      },
      midCall,
    ),
  );
  await all(async ({ client, native }) => {
    await client.end.close();
    await native.end.close();
  });
}

/** Starts again who doesn't find the server again, and tells who that was. */
async function revive(couples: readonly Couple[], during: "a ring" | "a call"): Promise<Set<Couple>> {
  const revived = new Set<Couple>();
  for (const couple of couples)
    if (await couple.client.end.revive?.(during).catch(() => true)) revived.add(couple);
  return revived;
}

/** Waits until both are signed in again. */
async function home(ask: Ask, { client, native }: Couple): Promise<void> {
  for (const { end } of [client, native])
    await eventually(
      `${end.user} to be signed in again`,
      async () => (await ask("GET", `/users/${end.user}`)).body?.online === true,
      homecoming,
    );
}
