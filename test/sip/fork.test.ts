import { afterAll, describe, expect, test } from "bun:test";
import { chromiumPath } from "../browser/support/browser.ts";
import { someOf } from "../support/seed.ts";
import { Baresip } from "./support/baresip.ts";
import type { PageKind } from "./support/page-peers.ts";
import { bothEnd, eventually, type Party } from "./support/parties.ts";
import { useRig } from "./support/rig.ts";

/** One device of the user who is called, whatever it speaks. */
interface Ringing {
  readonly name: string;
  rings(): Promise<number>;
  answer(): Promise<void>;
  /** Sound comes that is newer than now. */
  hears(): Promise<void>;
  /** Waits until its call or ring is over; why, as far as it tells. */
  over(): Promise<string>;
}

const pages = {
  "the native protocol over WebSocket": ["native", {}],
  "the native protocol over HTTP": ["native", { socketless: true }],
  "JsSIP over WebSocket": ["jssip", {}],
  "SIP.js over WebSocket": ["sipjs", {}],
} as const satisfies Record<string, readonly [PageKind, object]>;
const desk = "baresip over TCP";
const elsewhere = /answered_elsewhere|SIP;cause=200;text="Call completed elsewhere"/;

describe.skipIf(chromiumPath === null || Bun.which("baresip") === null)("a user with five devices", () => {
  const rig = useRig({ sip: { tcp: { enabled: true, port: 0 } } });
  let phone: Baresip | undefined;
  afterAll(() => phone?.stop());

  async function devices(): Promise<Ringing[]> {
    const made: Ringing[] = [];
    for (const [name, [kind, options]] of Object.entries(pages))
      made.push(ofPage(name, await rig.party(kind, name, { user: "many", audioOnly: true, ...options })));
    if (phone === undefined) {
      const line = rig.server.logs.find((one) => one.includes("SIP over TCP")) ?? "";
      phone = await Baresip.start(Number(/"port":(\d+)/.exec(line)?.[1]), "many", { answers: "manual" });
    }
    return [...made, ofDesk(phone)];
  }

  for (const winner of someOf([...Object.keys(pages), desk], 1))
    test(`all ring; who answers by ${winner} has the call, and the others hear that it was answered elsewhere`, async () => {
      const all = await devices();
      const caller = await rig.party("native", "caller", { audioOnly: true });
      const before = await Promise.all(all.map((one) => one.rings()));
      await caller.call("many");
      for (const [index, one] of all.entries())
        await eventually(`${one.name} to ring`, async () => (await one.rings()) > (before[index] ?? 0));
      const answering = all.find(({ name }) => name === winner)!;
      await answering.answer();
      await eventually("the call", async () => (await caller.state()).connected);
      await answering.hears();
      const losers = all.filter((one) => one !== answering);
      for (const loser of losers) expect(await loser.over()).toMatch(elsewhere);
      await caller.hangup();
      await answering.over();
    });
});

function ofPage(name: string, party: Party): Ringing {
  return {
    name,
    rings: async () => (await party.state()).rings,
    answer: () => party.answer(),
    hears: async () => {
      const { packets } = await party.counts();
      await eventually(`sound by ${name}`, async () => (await party.counts()).packets > packets + 20);
    },
    over: async () => (await bothEnd(party))[0] ?? "",
  };
}

function ofDesk(phone: Baresip): Ringing {
  const count = (event: string) => phone.events.filter((one) => one === event).length;
  return {
    name: desk,
    rings: async () => count("CALL_INCOMING"),
    answer: async () => phone.accept(),
    hears: () => eventually("sound by baresip", async () => phone.hears > 0),
    over: async () => {
      await eventually("baresip to stop", async () => count("CALL_CLOSED") === count("CALL_INCOMING"));
      // What it printed of the last call.
      return phone.log.slice(phone.log.lastIndexOf("INVITE sip:"));
    },
  };
}
