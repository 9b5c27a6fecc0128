import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { AnyFrame, SimClient } from "../../../../test/support/sim-core.ts";
import { contentsOf, SimJingle, type SimJingleClient } from "../../../../test/support/sim-jingle.ts";
import { child, clientNs, element, elements, type XmlElement } from "../xml.ts";
import { namespaces } from "./namespaces.ts";

const fixture = (name: string) =>
  readFileSync(new URL(`../../../../test/support/sdp/${name}.sdp`, import.meta.url), "utf8");
const offer = fixture("chromium-offer-before-candidates");
const answer = fixture("chromium-answer").replaceAll(/a=(candidate:.*|end-of-candidates)\r\n/g, "");
const bob = "bob@call.example";
const candidate = (n: number, ufrag?: string) => ({
  candidate: `candidate:${n} 1 udp 2122260223 192.0.2.1 ${5_000 + n} typ host generation 0`,
  sdpMid: "0",
  sdpMLineIndex: 0,
  ...(ufrag === undefined ? {} : { usernameFragment: ufrag }),
});
const ufragOf = (sdp: string) => /a=ice-ufrag:(\S+)/.exec(sdp)?.[1] ?? "";
const trickle = (ufrag: string, name = "0") =>
  element(
    "content",
    namespaces.jingle,
    { creator: "initiator", name },
    element(
      "transport",
      namespaces.iceUdp,
      { ufrag },
      element("candidate", namespaces.iceUdp, {
        component: "1",
        foundation: "1",
        generation: "0",
        id: "a",
        ip: "192.0.2.9",
        network: "0",
        port: "4000",
        priority: "1",
        protocol: "udp",
        type: "host",
      }),
    ),
  );
const reason = (condition: string) =>
  element("reason", namespaces.jingle, {}, element(condition, namespaces.jingle));

function natively(world: SimJingle, user: string, device = "page"): SimClient {
  return world.sim.client(user, device, { token: user, capabilities: { refusals: true } }).connect();
}

/** The native device takes the last call that rings. */
function accept(world: SimJingle, page: SimClient, description?: object): AnyFrame {
  const incoming = page.last("incoming");
  const { session } = incoming;
  page.ask("accept", { session, ...(description === undefined ? {} : { description }) });
  world.sim.pass(10);
  return incoming;
}

function called(world: SimJingle, alice: SimJingleClient, page: SimClient): string {
  expect(alice.say("session-initiate", { sid: "s1", to: bob }, ...contentsOf(offer, "initiator"))).toBe(
    "result",
  );
  world.sim.pass(10);
  const { session } = page.last("incoming");
  page.ask("ringing", { session });
  accept(world, page, { type: "answer", sdp: answer });
  return session;
}

function calls(
  world: SimJingle,
  page: SimClient,
  alice: SimJingleClient,
): { session: string; sid: string; to: string } {
  const { session } = page.ask("call", {
    to: "alice",
    media: { audio: true, video: true },
    description: { type: "offer", sdp: offer },
  }).ok;
  world.sim.pass(10);
  const { stanza, what } = alice.last("session-initiate");
  const about = { sid: what.attributes.sid ?? "", to: stanza.attributes.from ?? "" };
  expect(alice.say("session-accept", about, ...contentsOf(answer, "responder"))).toBe("result");
  world.sim.pass(10);
  const { device } = page.last("accepted");
  page.ask("confirm", { session, device });
  world.sim.pass(10);
  return { session, ...about };
}

describe("a client calls", () => {
  test("initiate, ringing, accept, candidates both ways, hang-up by each end", () => {
    for (const by of ["page", "alice"]) {
      const world = new SimJingle();
      const page = natively(world, "bob");
      const alice = world.client("alice", "desk");
      const session = called(world, alice, page);
      expect(alice.told).toEqual(["session-info", "session-accept"]);
      expect(alice.last("session-accept").what.attributes.responder).toBe(bob);
      const given = alice.description("session-accept", "responder", offer);
      expect(ufragOf(given)).toBe(ufragOf(answer));
      alice.say("transport-info", { sid: "s1", to: bob }, trickle(ufragOf(offer)));
      expect(page.last("signal").candidates).toHaveLength(1);
      const position = { session, pair: 1, generation: 1 };
      page.ask("signal", { ...position, candidates: [candidate(1)], endOfCandidates: true });
      world.sim.pass(10);
      expect(alice.told.slice(2)).toEqual(["transport-info", "transport-info"]);
      if (by === "page") {
        page.ask("hangup", { session });
        world.sim.pass(10);
        expect(alice.told.at(-1)).toBe("session-terminate success");
      } else {
        expect(alice.say("session-terminate", { sid: "s1", to: bob }, reason("success"))).toBe("result");
        world.sim.pass(10);
        expect(page.last("ended").reason).toBe("hangup");
      }
      expect(alice.jingle.size).toBe(0);
      expect(world.sim.core.stats().sessionsActive).toBe(0);
    }
  });

  test("an answer that rejects a bundled section has it all the same, inactive on the transport of the other: stanza makes an SDP answer of it", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "desk");
    alice.say("session-initiate", { sid: "s1", to: bob }, ...contentsOf(offer, "initiator"));
    world.sim.pass(10);
    const [session = "", audio = ""] = answer.split(/^(?=m=)/m);
    const declined = [
      session.replace(/a=group:BUNDLE .*/, "a=group:BUNDLE 0"),
      audio,
      "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:1\r\n",
      "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n",
    ].join("");
    accept(world, page, { type: "answer", sdp: declined });
    const contents = elements(alice.last("session-accept").what).filter(({ name }) => name === "content");
    expect(contents.map(({ attributes: { name, senders } }) => [name, senders])).toEqual([
      ["0", "both"],
      ["1", "none"],
      ["2", "both"],
    ]);
    const given = alice.description("session-accept", "responder", offer);
    expect(given).toMatch(/^m=video [1-9]/m);
    const ufrags = [...given.matchAll(/^a=ice-ufrag:(.*)\r$/gm)].map(([, ufrag]) => ufrag);
    expect(ufrags).toEqual(Array(3).fill(ufragOf(answer)));
    expect(given).toMatch(/^a=group:BUNDLE 0 1/m);
  });

  test("ends as the core says: nobody there, declined, busy", () => {
    const world = new SimJingle();
    const alice = world.client("alice", "desk");
    alice.say("session-initiate", { sid: "s0", to: bob }, ...contentsOf(offer, "initiator"));
    world.sim.pass(120_000);
    expect(alice.told.at(-1)).toMatch(/^session-terminate (gone|timeout)$/);
    const page = natively(world, "bob");
    for (const [said, heard] of [
      ["declined", "decline"],
      ["busy", "busy"],
    ] as const) {
      alice.say("session-initiate", { sid: said, to: bob }, ...contentsOf(offer, "initiator"));
      world.sim.pass(10);
      page.ask("decline", { session: page.last("incoming").session, reason: said });
      world.sim.pass(10);
      expect(alice.told.at(-1)).toBe(`session-terminate ${heard}`);
    }
    expect(alice.jingle.size).toBe(0);
  });

  test("hold and back, and an ICE restart, become offers; the core side's hold becomes session-info", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "desk");
    const session = called(world, alice, page);
    const position = { session, pair: 1, generation: 1 };
    const info = (name: string) => element(name, namespaces.rtpInfo);
    const answerTo = (sdp: string) =>
      page.ask("signal", { ...position, description: { type: "answer", sdp } });
    expect(alice.say("session-info", { sid: "s1", to: bob }, info("hold"))).toBe("result");
    const held = page.last("signal").description;
    expect([held.type, /a=sendrecv/.test(held.sdp), /a=sendonly/.test(held.sdp)]).toEqual([
      "offer",
      false,
      true,
    ]);
    answerTo(answer.replaceAll("a=sendrecv", "a=recvonly"));
    expect(alice.say("session-info", { sid: "s1", to: bob }, info("active"))).toBe("result");
    expect(page.last("signal").description.sdp).toContain("a=sendrecv");
    answerTo(answer);
    world.sim.pass(10);
    // The core side.
    page.ask("signal", {
      ...position,
      description: { type: "offer", sdp: answer.replaceAll("a=sendrecv", "a=sendonly") },
    });
    world.sim.pass(10);
    expect(page.last("signal").description.type).toBe("answer");
    expect(page.last("signal").description.sdp).toContain("a=recvonly");
    const [said] = elements(alice.last("session-info").what);
    expect(said?.name).toBe("hold");
    page.ask("signal", { ...position, description: { type: "offer", sdp: answer } });
    world.sim.pass(10);
    expect(elements(alice.last("session-info").what)[0]?.name).toBe("active");
    // The client restarts ICE.
    const fresh = offer
      .replaceAll(/a=ice-ufrag:\S+/g, "a=ice-ufrag:new1")
      .replaceAll(/a=ice-pwd:\S+/g, "a=ice-pwd:newpasswordnewpasswordnew");
    const contents = contentsOf(fresh, "initiator").filter((one) => one.name === "content");
    const bare = contents.map((one) => ({ ...one, children: [child(one, "transport", namespaces.iceUdp)!] }));
    expect(alice.say("transport-info", { sid: "s1", to: bob }, ...bare)).toBe("result");
    world.sim.pass(10);
    expect(page.last("restart").generation).toBe(2);
    const restart = page.last("signal");
    expect([restart.generation, restart.description.type, ufragOf(restart.description.sdp)]).toEqual([
      2,
      "offer",
      "new1",
    ]);
    alice.say("transport-info", { sid: "s1", to: bob }, trickle("new1"));
    const again = answer.replaceAll(/a=ice-ufrag:\S+/g, "a=ice-ufrag:new2");
    page.ask("signal", { ...position, generation: 2, description: { type: "answer", sdp: again } });
    world.sim.pass(10);
    const told = elements(alice.last("transport-info").what).map((one) =>
      child(one, "transport", namespaces.iceUdp),
    );
    expect(told.map((one) => one?.attributes.ufrag)).toEqual(["new2", "new2", "new2"]);
    // The core side can't restart: it is refused, and the session goes on.
    page.ask("restart", { session, pair: 1, generation: 2 });
    world.sim.pass(10);
    expect(page.last("restart").offer).toBe(true);
    const third = answer.replaceAll(/a=ice-ufrag:\S+/g, "a=ice-ufrag:new3");
    page.ask("signal", { ...position, generation: 3, description: { type: "offer", sdp: third } });
    world.sim.pass(10);
    expect(page.last("signal").refused).toBeDefined();
    expect(alice.jingle.size).toBe(1);
  });

  test("content-add is accepted or rejected; content-remove and -modify are offers", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "desk");
    const session = called(world, alice, page);
    const position = { session, pair: 1, generation: 1 };
    const [content] = contentsOf(offer, "initiator");
    const extra: XmlElement = { ...content!, attributes: { ...content!.attributes, name: "extra" } };
    expect(alice.say("content-add", { sid: "s1", to: bob }, extra)).toBe("result");
    const offered = page.last("signal").description.sdp;
    expect(offered.match(/^m=/gm)).toHaveLength(4);
    expect(offered).toContain("a=mid:extra");
    const [audio = ""] = answer.split(/(?=^m=)/m).slice(1);
    page.ask("signal", {
      ...position,
      description: { type: "answer", sdp: answer + audio.replace("a=mid:0", "a=mid:extra") },
    });
    world.sim.pass(10);
    expect(elements(alice.last("content-accept").what).map((one) => one.attributes.name)).toEqual(["extra"]);
    expect(
      alice.say(
        "content-remove",
        { sid: "s1", to: bob },
        element("content", namespaces.jingle, { creator: "initiator", name: "extra" }),
      ),
    ).toBe("result");
    expect(page.last("signal").description.sdp).toMatch(/m=audio 0 (.*\r\n)+?a=mid:extra/);
    page.ask("signal", { ...position, refused: { reason: "no" } });
    world.sim.pass(10);
    expect(
      alice.say(
        "content-add",
        { sid: "s1", to: bob },
        { ...extra, attributes: { ...extra.attributes, name: "0" } },
      ),
    ).toBe("result");
    expect(alice.told.at(-1)).toBe("content-reject failed-application");
    expect(alice.say("content-accept", { sid: "s1", to: bob }, extra)).toBe(
      "unexpected-request out-of-order",
    );
  });

  test("what can't be is refused in XEP-0166's words", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "desk", { mostSessions: 1 });
    const contents = contentsOf(offer, "initiator");
    const say = (action: string, sid: string, to: string, ...within: XmlElement[]) =>
      alice.say(action, { sid, to }, ...within);
    expect(say("session-initiate", "s1", "bob@elsewhere.example", ...contents)).toBe("item-not-found");
    expect(say("session-initiate", "s1", bob)).toBe("bad-request");
    expect(say("session-start", "s1", bob)).toBe("bad-request");
    expect(say("transport-info", "s1", bob, trickle("x"))).toBe("item-not-found unknown-session");
    expect(say("session-terminate", "s1", bob, reason("success"))).toBe("result");
    expect(say("session-initiate", "s1", bob, ...contents)).toBe("result");
    expect(say("session-initiate", "s1", bob, ...contents)).toBe("unexpected-request out-of-order");
    expect(say("session-initiate", "s2", bob, ...contents)).toBe("resource-constraint");
    expect(say("session-accept", "s1", bob, ...contents)).toBe("unexpected-request out-of-order");
    expect(say("session-info", "s1", bob)).toBe("result");
    expect(say("session-info", "s1", bob, element("dance", "urn:example"))).toBe(
      "feature-not-implemented unsupported-info",
    );
    expect(say("security-info", "s1", bob)).toBe("feature-not-implemented unsupported-info");
    expect(say("content-add", "s1", bob, ...contents)).toBe("unexpected-request out-of-order");
    // Candidates of no content.
    expect(say("transport-info", "s1", bob, trickle(ufragOf(offer), "nowhere"))).toBe("result");
    expect(page.pushes("signal")).toEqual([]);
    // Another's session.
    expect(say("transport-info", "s1", "carol@call.example", trickle("x"))).toBe(
      "item-not-found unknown-session",
    );
    expect(alice.say("session-terminate", { sid: "s1", to: bob, from: "mallory@call.example/x" })).toBe(
      "result",
    );
    expect(alice.jingle.size).toBe(1);
    expect(say("session-terminate", "s1", bob, reason("cancel"))).toBe("result");
    const bare = contents.map((one) =>
      JSON.parse(JSON.stringify(one).replaceAll('"fingerprint"', '"print"')),
    );
    expect(say("session-initiate", "s3", bob, ...bare)).toBe("result");
    expect(alice.told.at(-1)).toBe("session-terminate security-error");
    expect(alice.jingle.size).toBe(0);
  });
});

describe("a client is called", () => {
  test("initiate, ringing, accept; its early candidates wait; hang-up by each end", () => {
    for (const by of ["page", "alice"]) {
      const world = new SimJingle();
      const page = natively(world, "bob");
      const alice = world.client("alice", "desk");
      const { session, sid, to } = calls(world, page, alice);
      expect(page.last("ringing")).toBeDefined();
      expect(page.last("accepted").description.type).toBe("answer");
      expect(ufragOf(page.last("accepted").description.sdp)).toBe(ufragOf(answer));
      page.ask("signal", { session, pair: 1, generation: 1, candidates: [candidate(1)] });
      world.sim.pass(10);
      expect(alice.told).toEqual(["session-initiate", "transport-info"]);
      if (by === "page") {
        page.ask("hangup", { session });
        world.sim.pass(10);
        expect(alice.told.at(-1)).toBe("session-terminate success");
      } else {
        alice.say("session-terminate", { sid, to }, reason("failed-transport"));
        world.sim.pass(10);
        expect([page.last("ended").reason, page.last("ended").detail]).toEqual([
          "failed",
          "failed-transport",
        ]);
      }
      expect([alice.jingle.size, world.sim.core.stats().sessionsActive]).toEqual([0, 0]);
    }
  });

  test("one that does not bundle has the first content of a bundle alone, and hears of no other", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "desk");
    const { session } = page.ask("call", {
      to: "alice",
      media: { audio: true, video: true },
      description: { type: "offer", sdp: offer },
    }).ok;
    world.sim.pass(10);
    const { stanza, what } = alice.last("session-initiate");
    const about = { sid: what.attributes.sid ?? "", to: stanza.attributes.from ?? "" };
    const contents = contentsOf(answer, "responder").filter(({ name }) => name === "content");
    expect(alice.say("session-accept", about, ...contents)).toBe("result");
    world.sim.pass(10);
    expect(alice.told).toEqual(["session-initiate", "content-remove failed-transport"]);
    expect(elements(alice.last("content-remove").what)[0]?.attributes.name).toBe("1");
    const { device, description } = page.last("accepted");
    expect(description.sdp).toContain("a=group:BUNDLE 0\r\n");
    expect(description.sdp.match(/^m=\w+ \d+/gm)).toEqual(["m=audio 9", "m=video 0", "m=application 0"]);
    page.ask("confirm", { session, device });
    const [first, second] = [candidate(1), { ...candidate(2), sdpMid: "1", sdpMLineIndex: 1 }];
    page.ask("signal", { session, pair: 1, generation: 1, candidates: [first, second] });
    world.sim.pass(10);
    expect(alice.told.slice(2)).toEqual(["transport-info"]);
  });

  test("candidates come in a transport-info for each content", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "desk");
    const { session } = calls(world, page, alice);
    const [first, second] = [candidate(1), { ...candidate(2), sdpMid: "1", sdpMLineIndex: 1 }];
    page.ask("signal", { session, pair: 1, generation: 1, candidates: [first, second, first] });
    world.sim.pass(10);
    expect(alice.told).toEqual(["session-initiate", "transport-info", "transport-info"]);
  });

  test("the core side restarts ICE by transport-info", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "desk");
    const { session, sid, to } = calls(world, page, alice);
    page.ask("restart", { session, pair: 1, generation: 1 });
    world.sim.pass(10);
    const fresh = offer.replaceAll(/a=ice-ufrag:\S+/g, "a=ice-ufrag:new1");
    page.ask("signal", { session, pair: 1, generation: 2, description: { type: "offer", sdp: fresh } });
    world.sim.pass(10);
    const told = elements(alice.last("transport-info").what).map((one) =>
      child(one, "transport", namespaces.iceUdp),
    );
    expect(told.map((one) => one?.attributes.ufrag)).toEqual(["new1", "new1", "new1"]);
    const contents = contentsOf(
      answer.replaceAll(/a=ice-ufrag:\S+/g, "a=ice-ufrag:new2"),
      "responder",
    ).filter((one) => one.name === "content");
    expect(alice.say("transport-info", { sid, to }, ...contents)).toBe("result");
    world.sim.pass(10);
    expect([page.last("signal").description.type, ufragOf(page.last("signal").description.sdp)]).toEqual([
      "answer",
      "new2",
    ]);
  });

  test("an answer with actpass ends the call", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "desk");
    page.ask("call", { to: "alice", description: { type: "offer", sdp: offer } });
    world.sim.pass(10);
    const { stanza, what } = alice.last("session-initiate");
    const about = { sid: what.attributes.sid ?? "", to: stanza.attributes.from ?? "" };
    alice.say(
      "session-accept",
      about,
      ...contentsOf(answer.replaceAll(/a=setup:\w+/g, "a=setup:actpass"), "responder"),
    );
    world.sim.pass(10);
    expect(alice.told.at(-1)).toBe("session-terminate security-error");
    expect(page.last("ended").reason).toBe("incompatible");
  });
});

describe("message initiation (XEP-0353)", () => {
  test("the first proceed is the accept; only the winner gets session-initiate, and candidates", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "account", {
      messageInitiation: true,
      account: true,
      dataChannels: false,
    });
    const { session } = page.ask("call", { to: "alice", media: { audio: true } }).ok;
    world.sim.pass(10);
    const { stanza, what } = alice.last("propose");
    expect(elements(what).map((one) => one.attributes.media)).toEqual(["audio"]);
    expect(stanza.attributes.to).toBe("alice@other.example");
    const [sid, to] = [what.attributes.id ?? "", stanza.attributes.from ?? ""];
    alice.tell("ringing", sid, to, { from: "alice@other.example/phone" });
    world.sim.pass(10);
    expect(page.last("ringing")).toBeDefined();
    alice.tell("proceed", sid, to, { from: "alice@other.example/phone" });
    alice.tell("proceed", sid, to, { from: "alice@other.example/desk" });
    world.sim.pass(10);
    expect(alice.last("retract").stanza.attributes.to).toBe("alice@other.example/desk");
    page.ask("confirm", { session, device: page.last("accepted").device });
    world.sim.pass(10);
    const position = { session, pair: 1, generation: 1 };
    page.ask("signal", {
      ...position,
      description: { type: "offer", sdp: offer },
      candidates: [candidate(1)],
    });
    world.sim.pass(10);
    expect(alice.told).toEqual(["propose", "retract cancel", "session-initiate", "transport-info"]);
    const initiate = alice.last("session-initiate");
    expect(initiate.stanza.attributes.to).toBe("alice@other.example/phone");
    expect(initiate.what.attributes.sid).toBe(sid);
    expect(elements(initiate.what).filter((one) => one.name === "content")).toHaveLength(2);
    const about = { sid, to, from: "alice@other.example/phone" };
    // The other resource has no part in it.
    expect(
      alice.say(
        "session-accept",
        { ...about, from: "alice@other.example/desk" },
        ...contentsOf(answer, "responder"),
      ),
    ).toBe("item-not-found unknown-session");
    expect(alice.say("session-accept", about, ...contentsOf(answer, "responder"))).toBe("result");
    world.sim.pass(10);
    expect(page.last("signal").description.type).toBe("answer");
    page.ask("hangup", { session });
    world.sim.pass(10);
    expect(alice.told.slice(-2)).toEqual(["session-terminate success", "finish success"]);
    expect([alice.jingle.size, world.sim.core.stats().sessionsActive]).toEqual([0, 0]);
  });

  test("two clients of a user: what one accepts or rejects ends at the other", () => {
    for (const kind of ["proceed", "reject"]) {
      const world = new SimJingle();
      const page = natively(world, "bob");
      const desk = world.client("alice", "desk", { messageInitiation: true });
      const phone = world.client("alice", "phone", { messageInitiation: true });
      const { session } = page.ask("call", { to: "alice", media: { audio: true, video: true } }).ok;
      world.sim.pass(10);
      const [one, other] = [desk, phone].map((client) => client.last("propose"));
      expect(one?.what.attributes.id).toBe(other?.what.attributes.id);
      phone.tell(kind, other?.what.attributes.id ?? "", other?.stanza.attributes.from ?? "");
      world.sim.pass(10);
      if (kind === "proceed") page.ask("confirm", { session, device: page.last("accepted").device });
      world.sim.pass(10);
      expect(desk.told).toEqual(["propose", "retract cancel"]);
      expect(desk.jingle.size).toBe(0);
      if (kind === "reject") expect(page.last("ended").reason).toBe("declined");
    }
  });

  test("a client proposes: ringing, proceed, session-initiate, session-accept", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "phone", { messageInitiation: true });
    alice.tell("propose", "j1", bob, {
      within: [element("description", namespaces.rtp, { media: "audio" })],
    });
    world.sim.pass(10);
    const { session, media } = page.last("incoming");
    expect(media).toEqual({ audio: true, video: false });
    page.ask("ringing", { session });
    world.sim.pass(10);
    accept(world, page);
    expect(alice.told).toEqual(["ringing", "proceed"]);
    const to = alice.last("proceed").stanza.attributes.from ?? "";
    expect(alice.say("session-initiate", { sid: "j1", to }, ...contentsOf(offer, "initiator"))).toBe(
      "result",
    );
    world.sim.pass(10);
    expect(page.last("signal").description.type).toBe("offer");
    page.ask("signal", { session, pair: 1, generation: 1, description: { type: "answer", sdp: answer } });
    world.sim.pass(10);
    expect(alice.told.at(-1)).toBe("session-accept");
    alice.say("session-terminate", { sid: "j1", to }, reason("success"));
    world.sim.pass(10);
    expect(page.last("ended").reason).toBe("hangup");
  });

  test("retract, reject, nobody proceeds, and an offer that another device needs to ring", () => {
    const world = new SimJingle();
    const page = natively(world, "bob");
    const alice = world.client("alice", "phone", { messageInitiation: true });
    alice.tell("propose", "j1", bob);
    world.sim.pass(10);
    alice.tell("retract", "j1", bob);
    world.sim.pass(10);
    expect(page.last("ended").reason).toBe("cancelled");
    alice.tell("propose", "j2", bob);
    world.sim.pass(10);
    page.ask("decline", { session: page.last("incoming").session, reason: "busy" });
    world.sim.pass(10);
    expect(alice.told.at(-1)).toBe("reject busy");
    // Carol's client needs the offer: the caller is told to proceed at once.
    const carol = world.client("carol", "desk");
    alice.tell("propose", "j3", "carol@call.example");
    world.sim.pass(10);
    expect(alice.told.at(-1)).toBe("proceed");
    const to = alice.last("proceed").stanza.attributes.from ?? "";
    alice.say("session-initiate", { sid: "j3", to }, ...contentsOf(offer, "initiator"));
    world.sim.pass(10);
    const ring = carol.last("session-initiate");
    const about = { sid: ring.what.attributes.sid ?? "", to: ring.stanza.attributes.from ?? "" };
    carol.say("session-accept", about, ...contentsOf(answer, "responder"));
    world.sim.pass(10);
    expect(alice.told.at(-1)).toBe("session-accept");
    alice.say("transport-info", { sid: "j3", to }, trickle(ufragOf(offer)));
    world.sim.pass(10);
    expect(carol.told.at(-1)).toBe("transport-info");
  });

  test("proposals that cross: one call goes on", () => {
    const world = new SimJingle();
    const alice = world.client("alice", "phone", { messageInitiation: true });
    const carol = world.client("carol", "phone", { messageInitiation: true });
    alice.tell("propose", "j1", "carol@call.example");
    carol.tell("propose", "j2", "alice@call.example");
    world.sim.pass(50);
    const rejected = [alice, carol].filter((one) => one.told.includes("reject cancel"));
    expect(rejected).toHaveLength(1);
    const [loser] = rejected;
    expect(child(loser!.last("reject").what, "tie-break", namespaces.message)).toBeDefined();
    expect([alice.jingle.size, carol.jingle.size]).toEqual([1, 1]);
    expect(loser!.told).toContain("propose");
  });
});

test("an iq error of an unknown session, and a tie-break, are no deaf end", () => {
  const world = new SimJingle();
  const page = natively(world, "bob");
  const alice = world.client("alice", "desk");
  const results = alice.answers;
  const error = (iq: XmlElement, jingle: string) =>
    element(
      "iq",
      clientNs,
      { type: "error", id: iq.attributes.id, from: iq.attributes.to },
      element(
        "error",
        clientNs,
        { type: "cancel" },
        element("conflict", namespaces.stanzaErrors),
        element(jingle, namespaces.errors),
      ),
    );
  const call = (isTie: (sid: string) => boolean): string[] => {
    const tried: string[] = [];
    alice.answers = (iq) => {
      const { sid = "" } = elements(iq)[0]?.attributes ?? {};
      tried.push(sid);
      return isTie(sid) ? error(iq, "tie-break") : results(iq);
    };
    page.ask("call", { to: "alice", description: { type: "offer", sdp: offer } });
    world.sim.pass(2_000);
    return tried;
  };
  // As XEP-0166 has it, with a session that the server has forgotten: that with the lower sid goes on.
  const byXep = call((sid) => sid > "#");
  expect(byXep.map((sid) => sid > "#")).toEqual([true, true, false]);
  alice.say("session-terminate", { sid: byXep[2] ?? "", to: `${bob}/page` }, reason("decline"));
  expect(alice.jingle.size).toBe(0);
  // stanza refuses what is lower than the ring that it has.
  const tried = call((sid) => sid < "zzzz");
  expect(tried.map((sid) => sid < "zzzz")).toEqual([true, false]);
  // The session has that name from now on.
  alice.say("session-terminate", { sid: tried[1] ?? "", to: `${bob}/page` }, reason("decline"));
  expect(alice.jingle.size).toBe(0);
  page.ask("call", { to: "alice", description: { type: "offer", sdp: offer } });
  world.sim.pass(2_000);
  alice.answers = (iq) => error(iq, "unknown-session");
  page.ask("call", { to: "alice", description: { type: "offer", sdp: offer } });
  world.sim.pass(2_000);
  expect(alice.jingle.size).toBe(1);
});
