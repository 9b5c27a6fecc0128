import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Channel } from "../../src/client/index.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { closeAll, device } from "../webrtc/support/parties.ts";
import { eventually } from "./support/parties.ts";
import { TricklePhone } from "./support/trickle-phone.ts";

setDefaultTimeout(90_000);

describe("a SIP phone that trickles (RFC 8840), with libwebrtc", () => {
  let server: RunningServer;
  let phone: TricklePhone;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    phone.close();
    await closeAll();
  });

  const words = { negotiated: true, id: 7 };

  /** Words both ways over a data channel; and that nothing but INFO brought the candidates of either end. */
  async function connected(far: Channel): Promise<void> {
    const heard: string[] = [];
    const near = phone.pc.createDataChannel("words", words);
    near.onmessage = ({ data }) => heard.push(String(data));
    await eventually("the phone to connect", async () => phone.pc.connectionState === "connected");
    await far.send("hello");
    await eventually("words at the phone", async () => heard.includes("hello"));
    near.send("hello yourself");
    for await (const words of far) {
      expect(words).toBe("hello yourself");
      break;
    }
    for (const sdp of [...phone.sent, ...phone.got]) expect(sdp).not.toContain("a=candidate:");
    for (const fragments of [phone.fragments.sent, phone.fragments.got])
      expect(fragments.join("")).toContain("a=candidate:");
    // The path is found before the last candidate is, where the machine is busy.
    await eventually(
      "the end of candidates",
      async () => phone.fragments.got.at(-1)?.includes("a=end-of-candidates") === true,
    );
    const { got } = phone.fragments;
    // Each says again what the one before has said (§4.4).
    const candidates = (text: string) => text.match(/^a=candidate:.*$/gm) ?? [];
    for (const [index, text] of got.entries())
      expect(candidates(got[index + 1] ?? text).slice(0, candidates(text).length)).toEqual(candidates(text));
  }

  test("calls a native device", async () => {
    phone = new TricklePhone(server.url);
    await phone.sip.register("tess");
    phone.pc.createDataChannel("first");
    const bob = device(server.url, "bob", "laptop");
    await bob.ready;
    const answered = bob.next("incoming").then((ring) => ring.accept({ media: false }));
    await phone.call("bob", "tess");
    const call = await answered;
    await connected(call.channel("words", words));
    await phone.hangup();
    expect((await call.ended).reason).toBe("hangup");
  });

  test("is called by a native device", async () => {
    phone = new TricklePhone(server.url);
    await phone.sip.register("tess");
    const bob = device(server.url, "bob", "laptop");
    await bob.ready;
    const call = bob.call("tess", { media: false });
    const far = call.channel("words", words);
    await phone.answer();
    await connected(far);
    await call.hangup();
    await eventually("the BYE", async () => phone.sip.heard.some((text) => text.startsWith("BYE ")));
  });
});
