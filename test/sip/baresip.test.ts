import { afterEach, describe, expect, test } from "bun:test";
import { chromiumPath } from "../browser/support/browser.ts";
import { someOf } from "../support/seed.ts";
import { Baresip } from "./support/baresip.ts";
import { bothEnd, eventually, type Party } from "./support/parties.ts";
import { useRig } from "./support/rig.ts";

describe.skipIf(chromiumPath === null || Bun.which("baresip") === null)("baresip, a phone over TCP", () => {
  const rig = useRig({ sip: { tcp: { enabled: true, port: 0 } } });
  let phone: Baresip | undefined;
  afterEach(() => phone?.stop());

  async function start(user: string): Promise<Baresip> {
    const line = rig.server.logs.find((one) => one.includes("SIP over TCP")) ?? "";
    phone = await Baresip.start(Number(/"port":(\d+)/.exec(line)?.[1]), user);
    return phone;
  }

  /** Sound that is newer than now, at both ends. */
  async function soundFlows(desk: Baresip, page: Party): Promise<void> {
    const { packets } = await page.counts();
    await eventually("sound in the page", async () => (await page.counts()).packets > packets + 20);
    await eventually("sound in the phone", async () => desk.hears > 0);
  }

  const ways = [
    [
      "calls a native device in Chromium: ICE, DTLS-SRTP, Opus both ways",
      async () => {
        const desk = await start("desk");
        const page = await rig.party("native", "page", { audioOnly: true });
        const { rings } = await page.state();
        desk.call(page.user);
        await eventually("a ring", async () => (await page.state()).rings > rings);
        await page.answer();
        await soundFlows(desk, page);
        expect(desk.log).toContain("audio: Set audio encoder: opus");
        desk.hangup();
        await bothEnd(page);
      },
    ],
    [
      "is called by a native device in Chromium, which hangs up",
      async () => {
        const desk = await start("desk");
        const page = await rig.party("native", "page", { audioOnly: true });
        await page.call("desk");
        await soundFlows(desk, page);
        await page.hangup();
        await eventually("the end", async () => desk.events.includes("CALL_CLOSED"));
        await bothEnd(page);
      },
    ],
  ] as const;
  // The other one, too, is tried by test/interop with one commit or another.
  test.each(someOf(ways, 1))("%s", (_, call) => call());
});
