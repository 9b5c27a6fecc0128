import { describe, expect, test } from "bun:test";
import { chromiumPath } from "../browser/support/browser.ts";
import { bothEnd, connectParties, eventually, type Kind, mediaFlows, type Party } from "./support/parties.ts";
import { kinds, useRig } from "./support/rig.ts";

const sip = (kind: Kind) => kind === "jssip" || kind === "sipjs";

describe.skipIf(chromiumPath === null)("every ordered pair", () => {
  const rig = useRig();

  /** Waits until nothing comes any more at a party. */
  async function silent(party: Party): Promise<void> {
    let before = await party.counts();
    await eventually(`${party.kind} to hear nothing`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      const now = await party.counts();
      const quiet = now.packets === before.packets && now.frames === before.frames;
      before = now;
      return quiet;
    });
  }

  for (const from of kinds)
    for (const to of kinds)
      test(`${from} calls ${to}`, async () => {
        const caller = await rig.party(from, `${from}-caller`);
        const callee = await rig.party(to, `${to}-callee`);
        await connectParties(caller, callee);
        expect((await caller.state()).alerting).toBe(true);
        await mediaFlows(caller, callee);
        if (!sip(from) && !sip(to)) {
          // The rest of these is in the tests of the SDK.
          await callee.hangup();
          await bothEnd(caller, callee);
          return;
        }

        for (const [holder, held] of [
          [caller, callee],
          [callee, caller],
        ] as const) {
          await holder.hold(true);
          await silent(holder);
          if (held.kind === "jssip") expect((await held.state()).remoteHeld).toBe(true);
          await holder.hold(false);
          await mediaFlows(caller, callee);
        }

        for (const [one, other] of [
          [caller, callee],
          [callee, caller],
        ] as const) {
          const fragments = [await one.ufrag(), await other.ufrag()];
          await one.restartIce();
          await eventually("new ICE credentials at both ends", async () => {
            const now = [await one.ufrag(), await other.ufrag()];
            return now[0] !== fragments[0] && now[1] !== fragments[1];
          });
          await mediaFlows(caller, callee);
        }

        await callee.hangup();
        await bothEnd(caller, callee);
      });

  for (const from of kinds)
    for (const to of kinds.filter((kind) => sip(kind) || sip(from)))
      test(`${from} calls ${to}, who declines; gives up; hangs up itself`, async () => {
        const caller = await rig.party(from, `${from}-caller`);
        const callee = await rig.party(to, `${to}-callee`);
        await caller.call(callee.user);
        const { rings } = await callee.state();
        await eventually("a ring", async () => (await callee.state()).rings > rings);
        await callee.decline();
        const [declined] = await bothEnd(caller);
        expect(declined).toMatch(/declined|Rejected|603/);

        await caller.call(callee.user);
        await eventually("a second ring", async () => (await callee.state()).rings > rings + 1);
        await eventually("ringing to be heard", async () => (await caller.state()).alerting);
        await caller.hangup();
        await bothEnd(caller, callee);

        await connectParties(caller, callee);
        await caller.hangup();
        await bothEnd(caller, callee);
      });
});
