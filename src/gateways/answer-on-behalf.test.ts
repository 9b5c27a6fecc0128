import { describe, expect, test } from "bun:test";
import type { SimClient } from "../../test/support/sim-core.ts";
import { answer, bare, offer, SimSip } from "../../test/support/sim-phone.ts";
import type { Capabilities } from "../protocol/values.ts";
import { parseDescription, type SessionDescription } from "../wire/sdp/description.ts";
import { answerFor, answerInPlace, canAnswerOnBehalf, courseOf } from "./answer-on-behalf.ts";

const parsed = (text: string): SessionDescription => parseDescription(text)!;
const video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendrecv\r\n";

test("the capability record says what becomes of an offer", () => {
  const courses = (capabilities: Capabilities) =>
    (["direction-only", "media-change", "ice-restart"] as const).map((change) =>
      courseOf(capabilities, change),
    );
  expect(courses({})).toEqual(["ask", "ask", "ask"]);
  expect(courses({ renegotiation: "hold-only" })).toEqual(["ask", "answer", "ask"]);
  expect(courses({ renegotiation: "none" })).toEqual(["answer", "answer", "refuse"]);
  expect(courses({ sdpRole: "offer-only" })).toEqual(["answer", "answer", "refuse"]);
  // Who can't start one may still answer one.
  expect(courses({ iceRestart: false })).toEqual(["ask", "ask", "ask"]);
});

describe("answers on behalf of the core side", () => {
  test("a section that is new is turned down, one that goes is gone, and neither is bundled", () => {
    const last = parsed(answer("core").replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0\r\n"));
    const more = answerFor(parsed(offer() + video), last, 7);
    expect(more).toContain("m=video 0 UDP/TLS/RTP/SAVPF 96");
    expect(more).toContain("a=group:BUNDLE 0\r\n");
    expect(more).toContain("o=- 1 7 IN IP4");
    const gone = answerFor(parsed(offer().replace("m=audio 9", "m=audio 0") + video), last, 8);
    expect(gone).toContain("m=audio 0");
    expect(gone).toContain("a=group:BUNDLE\r\n");
    expect(answerFor(parsed(offer()), parsed(answer() + video), 9)).toBeUndefined();
  });

  test("of an offer that the core side made, what the other end can take is answered", () => {
    const own = offer("core")
      .replace("SAVPF 111", "SAVPF 111 96")
      .replace("a=mid:0\r\n", "a=mid:0\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\n");
    const held = answerInPlace(offer("phone", "sendonly"), { own, theirs: answer("phone") }, 2);
    expect(held).toContain("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
    expect(held).not.toContain(":96 ");
    expect(held).toContain("a=recvonly");
    expect(held).toContain("a=setup:passive");
    expect(held).toContain("o=- 1 4 IN");
    expect(answerInPlace(offer("other"), { own, theirs: answer("phone") }, 2)).toBeUndefined();
    expect(answerInPlace(offer("phone").replace("SAVPF 111", "SAVPF 0"), { own }, 2)).toBeUndefined();
  });

  test("header extensions that the offer has not, or has by another number or the same way, are left out", () => {
    const extended = (text: string, ...extensions: readonly string[]) =>
      text.replace(
        "a=mid:0\r\n",
        ["a=mid:0", ...extensions.map((one) => `a=extmap:${one}`), ""].join("\r\n"),
      );
    const own = extended(
      offer("core"),
      "1 urn:a",
      "2 urn:b",
      "3 urn:c",
      "4/recvonly urn:d",
      "5/recvonly urn:e",
    );
    const asked = extended(offer("phone"), "1 urn:a", "7 urn:c", "4/sendonly urn:d", "5/recvonly urn:e");
    const held = answerInPlace(asked, { own, theirs: answer("phone") }, 2);
    expect(held?.match(/(?<=a=extmap:).*(?=\r)/g)).toEqual(["1 urn:a", "4/recvonly urn:d"]);
  });

  test("formats that the core side goes on sending must still be there, and the kind of each section", () => {
    const last = parsed(answer("core"));
    expect(canAnswerOnBehalf(parsed(offer("phone", "sendonly")), last)).toBe(true);
    expect(canAnswerOnBehalf(parsed(offer().replace("SAVPF 111", "SAVPF 0 111")), last)).toBe(true);
    expect(canAnswerOnBehalf(parsed(offer().replace("SAVPF 111", "SAVPF 0")), last)).toBe(false);
    expect(canAnswerOnBehalf(parsed(offer().replace("m=audio", "m=video")), last)).toBe(false);
    expect(canAnswerOnBehalf(parsed(offer()), parsed(answer("core") + video))).toBe(false);
  });
});

describe("a phone in a call with a device that can not be asked for anything", () => {
  /** A phone that has called a camera. */
  function inCall(capabilities: Capabilities) {
    const world = new SimSip();
    const phone = world.phone("alice");
    phone.register();
    const camera = world.sim.client("bob", "camera", { capabilities }).connect();
    phone.call("bob");
    const { session } = camera.last("incoming");
    camera.ask("accept", { session });
    world.pass(0);
    const candidates = [{ candidate: "candidate:7 1 udp 9 198.51.100.7 6000 typ host", sdpMid: "0" }];
    const description = { type: "answer", sdp: bare(answer()) };
    camera.ask("signal", { session, pair: 1, generation: 1, description, candidates, endOfCandidates: true });
    world.pass(0);
    phone.acknowledge();
    const reoffer = (body: string) => {
      phone.ask("INVITE", { body });
      world.pass(0);
      const status = phone.last("INVITE")?.status;
      phone.acknowledge();
      return status;
    };
    return { world, phone, camera, session: session as string, reoffer };
  }
  const offers = (camera: SimClient) =>
    camera.pushes("signal").filter(({ description }) => description?.type === "offer").length;

  test("hold and resume are answered at once, and the camera hears nothing of them", () => {
    const { phone, camera, reoffer } = inCall({ renegotiation: "none" });
    expect(reoffer(offer("phone", "sendonly"))).toBe(200);
    expect(phone.sdp).toContain("a=recvonly");
    expect(phone.sdp).toContain("a=candidate:7 1 udp 9 198.51.100.7 6000 typ host");
    expect(phone.sdp).toContain("o=- 1 2 IN");
    expect(reoffer(offer("phone", "inactive"))).toBe(200);
    expect(phone.sdp).toContain("a=inactive");
    expect(reoffer(offer("phone"))).toBe(200);
    expect(phone.sdp).toContain("a=sendrecv");
    expect(phone.sdp).toContain("o=- 1 4 IN");
    expect(offers(camera)).toBe(0);
  });

  test("new media is turned down; an ICE restart and other codecs are 488 with a Warning, and the call goes on", () => {
    const { world, phone, camera, reoffer } = inCall({ renegotiation: "none" });
    expect(reoffer(offer("phone") + video)).toBe(200);
    expect(phone.sdp).toContain("m=video 0");
    expect(phone.sdp).toContain("m=audio 6000");
    for (const refused of [offer("other") + video, offer("phone").replace("SAVPF 111", "SAVPF 0") + video]) {
      expect(reoffer(refused)).toBe(488);
      expect(phone.last("INVITE")?.headers.get("Warning")).toStartWith("399 switchboard ");
    }
    expect(reoffer(offer("phone", "sendonly") + video)).toBe(200);
    expect(offers(camera)).toBe(0);
    expect(camera.last("ended")).toBeUndefined();
    phone.ask("BYE");
    world.pass(0);
    expect(camera.last("ended").reason).toBe("hangup");
  });

  test("one that can be held is asked for that and nothing else", () => {
    const { camera, phone, reoffer } = inCall({ renegotiation: "hold-only" });
    expect(reoffer(offer("phone") + video)).toBe(200);
    expect(phone.sdp).toContain("m=video 0");
    expect(offers(camera)).toBe(0);
    // The camera knows of no video section.
    expect(reoffer(offer("phone", "sendonly") + video)).toBe(200);
    expect(offers(camera)).toBe(0);
    const plain = inCall({ renegotiation: "hold-only" });
    plain.phone.ask("INVITE", { body: offer("phone", "sendonly") });
    expect(offers(plain.camera)).toBe(1);
  });
});
