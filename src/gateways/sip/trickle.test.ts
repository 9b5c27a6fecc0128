import { describe, expect, test } from "bun:test";
import { answer, bare, offer, type SimPhone, SimSip } from "../../../test/support/sim-phone.ts";
import { fragmentType, parseFragment } from "../../wire/sdp/fragment.ts";
import { bodyText } from "./message.ts";

const headers = ["Supported: trickle-ice", "Recv-Info: trickle-ice"];
const host = (n: number) => `candidate:${n} 1 udp ${n} 198.51.100.${n} 6000 typ host`;
const trickled = (n: number) => ({ candidate: host(n), sdpMid: "0" });

/** What an INFO to the phone says. */
function said(phone: SimPhone) {
  const request = phone.request("INFO");
  if (request === undefined) throw new Error("no INFO");
  expect(request.headers.get("Info-Package")).toBe("trickle-ice");
  expect(request.headers.get("Content-Type")).toBe(fragmentType);
  const { candidates, complete, ufrag } = parseFragment(bodyText(request) ?? "")!;
  return { candidates: candidates.map((one) => one.candidate), complete, ufrag };
}

const infos = (phone: SimPhone) => phone.requests.filter(({ method }) => method === "INFO").length;

/** A phone that trickles calls a native device, which has answered without a candidate. */
function phoneCalls() {
  const world = new SimSip();
  const phone = world.phone("alice");
  phone.register();
  const bob = world.sim.client("bob", "laptop").connect();
  phone.call("bob", { headers: [...headers, "Require: trickle-ice"], body: bare(offer()) });
  const { session } = bob.last("incoming");
  bob.ask("accept", { session });
  world.pass(0);
  const signal = (fields: object) => {
    bob.ask("signal", { session, pair: 1, generation: 1, ...fields });
    world.pass(0);
  };
  signal({ description: { type: "answer", sdp: bare(answer()) } });
  const info = (n: readonly number[], ufrag = "phone", more = "") => {
    const lines = n.map((one) => `a=${host(one)}\r\n`).join("");
    const body = `a=ice-ufrag:${ufrag}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n${lines}${more}`;
    return phone.ask("INFO", { headers: ["Info-Package: trickle-ice"], type: fragmentType, body })?.status;
  };
  const heard = () =>
    bob
      .pushes("signal")
      .flatMap(({ candidates }) => (candidates ?? []).map((one: { candidate: string }) => one.candidate));
  return { world, phone, bob, signal, info, heard };
}

describe("a phone that trickles calls (RFC 8840)", () => {
  test("the answer comes at once; candidates follow its ACK, one INFO at a time, each with all so far", () => {
    const { phone, signal } = phoneCalls();
    const ok = phone.last("INVITE");
    expect(ok?.status).toBe(200);
    expect(ok?.headers.includes("Supported", "trickle-ice")).toBe(true);
    expect(ok?.headers.get("Recv-Info")).toBe("trickle-ice");
    expect(phone.sdp).not.toContain("end-of-candidates");
    signal({ candidates: [trickled(1)] });
    expect(infos(phone)).toBe(0);
    phone.acknowledge();
    expect(said(phone)).toEqual({ candidates: [host(1)], complete: false, ufrag: "core" });
    signal({ candidates: [trickled(2)] });
    signal({ candidates: [trickled(3)], endOfCandidates: true });
    expect(infos(phone)).toBe(1);
    phone.respond(phone.request("INFO"), 200);
    expect(said(phone)).toEqual({ candidates: [host(1), host(2), host(3)], complete: true, ufrag: "core" });
    phone.respond(phone.request("INFO"), 200);
    expect(infos(phone)).toBe(2);
  });

  test("what it says again is passed on once, and what is of another generation not at all", () => {
    const { phone, info, heard, bob } = phoneCalls();
    phone.acknowledge();
    expect(info([1])).toBe(200);
    expect(info([1, 2])).toBe(200);
    expect(info([9], "older")).toBe(200);
    expect(heard()).toEqual([host(1), host(2)]);
    expect(bob.pushes("signal").some(({ endOfCandidates }) => endOfCandidates)).toBe(false);
    expect(info([1, 2, 3], "phone", "a=end-of-candidates\r\n")).toBe(200);
    expect(heard()).toEqual([host(1), host(2), host(3)]);
    expect(bob.last("signal").endOfCandidates).toBe(true);
  });

  test("an ICE restart of either end begins anew", () => {
    const { world, phone, bob, signal, info, heard } = phoneCalls();
    signal({ candidates: [trickled(1)], endOfCandidates: true });
    phone.acknowledge();
    phone.respond(phone.request("INFO"), 200);
    info([1]);
    phone.ask("INVITE", { headers, body: bare(offer("other")) });
    info([1], "other");
    world.pass(0);
    expect(bob.last("restart")).toMatchObject({ generation: 2 });
    expect(heard()).toEqual([host(1), host(1)]);
    signal({ generation: 2, description: { type: "answer", sdp: bare(answer("anew")) } });
    expect(phone.last("INVITE")?.status).toBe(200);
    expect(phone.sdp).not.toContain("candidate");
    signal({ generation: 2, candidates: [trickled(4)] });
    phone.acknowledge();
    expect(said(phone)).toEqual({ candidates: [host(4)], complete: false, ufrag: "anew" });
  });

  test("an INFO that was lost with the connection is said again over the next one", () => {
    const { world, phone, signal } = phoneCalls();
    phone.acknowledge();
    const { dialog } = phone;
    signal({ candidates: [trickled(1)] });
    phone.drop();
    signal({ candidates: [trickled(2)] });
    const again = world.phone("alice");
    Object.defineProperty(again, "name", { value: phone.name });
    again.register();
    expect(again.request("INFO")?.callId).toBe(dialog?.callId ?? "");
    expect(said(again).candidates).toEqual([host(1), host(2)]);
  });

  test("another Info-Package is refused with what there is", () => {
    const { phone } = phoneCalls();
    phone.acknowledge();
    const refused = phone.ask("INFO", {
      headers: ["Info-Package: conference"],
      type: "text/plain",
      body: "x",
    });
    expect(refused?.status).toBe(469);
    expect(refused?.headers.get("Recv-Info")).toBe("trickle-ice");
  });
});

test("a phone that trickles is called: it gets INFO instead of a second INVITE", () => {
  const world = new SimSip();
  const phone = world.phone("bob");
  phone.register();
  const alice = world.sim.client("alice", "laptop").connect();
  const { session } = alice.ask("call", { to: "bob" }).ok;
  world.pass(0);
  const signal = (fields: object) => alice.ask("signal", { session, pair: 1, generation: 1, ...fields });
  signal({ description: { type: "offer", sdp: bare(offer("native")) }, candidates: undefined });
  signal({ candidates: [trickled(1)] });
  world.pass(0);
  const invite = phone.request("INVITE");
  expect(invite?.headers.includes("Supported", "trickle-ice")).toBe(true);
  expect(invite?.headers.get("Recv-Info")).toBe("trickle-ice");
  phone.respond(invite, 200, { headers, body: bare(answer("phone")) });
  world.pass(0);
  alice.ask("confirm", { session, device: alice.last("accepted").device });
  world.pass(0);
  expect(said(phone)).toEqual({ candidates: [host(1)], complete: false, ufrag: "native" });
  expect(phone.requests.filter(({ method }) => method === "INVITE")).toHaveLength(1);
});
