import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { contentsByName, toContents, toDescription } from "../../src/gateways/xmpp/jingle/description.ts";
import { namespaces } from "../../src/gateways/xmpp/jingle/namespaces.ts";
import { element, type XmlElement } from "../../src/gateways/xmpp/xml.ts";
import { formatDescription, parseDescription } from "../../src/wire/sdp/description.ts";
import type { SimClient } from "../support/sim-core.ts";
import { contentsOf, SimJingle, type SimJingleClient } from "../support/sim-jingle.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const elements = fuzzRounds(1_000);
const descriptions = fuzzRounds(250);
/** What is done in one history. */
const steps = 120;
const histories = fuzzRounds(25, steps);

const read = (name: string) => readFileSync(new URL(`../support/sdp/${name}.sdp`, import.meta.url), "utf8");
const offerSdp = read("chromium-offer-before-candidates");
const answerSdp = read("chromium-answer").replaceAll(/a=(candidate:.*|end-of-candidates)\r\n/g, "");

const texts = [
  "",
  "0",
  "-1",
  "1e99",
  "99999999999999999999",
  "a b",
  "a\r\na=setup:active",
  "\u0000",
  "é",
  "__proto__",
  "constructor",
  "x".repeat(3_000),
  "audio",
  "initiator",
  "none",
  "actpass",
  "webrtc-datachannel",
  namespaces.rtp,
  namespaces.iceUdp,
];

/** The element with something in its tree broken. */
function broken(random: Random, of: XmlElement, depth = 0): XmlElement {
  const within = of.children.filter((one) => typeof one !== "string");
  if (within.length > 0 && depth < 5 && random.chance(0.75)) {
    const at = random.int(0, of.children.length - 1);
    const one = of.children[at];
    if (one !== undefined && typeof one !== "string")
      return { ...of, children: of.children.with(at, broken(random, one, depth + 1)) };
  }
  const attributes: Record<string, string> = { ...of.attributes };
  const key = random.pick([...Object.keys(attributes), "name", "id"]);
  switch (random.int(0, 6)) {
    case 0:
      delete attributes[key];
      return { ...of, attributes };
    case 1:
      attributes[key] = random.pick(texts);
      return { ...of, attributes };
    case 2:
      return { ...of, children: of.children.slice(0, random.int(0, of.children.length)) };
    case 3:
      return { ...of, children: [...of.children, ...of.children] };
    case 4:
      return { ...of, ns: random.pick(texts) };
    case 5:
      return { ...of, name: random.pick(["content", "group", "transport", "candidate", "source", "x"]) };
    default:
      return { ...of, children: [random.pick(texts), ...of.children] };
  }
}

test("any element is read without a throw, and what is read is SDP", () => {
  const random = chance(1);
  const offer = parseDescription(offerSdp)!;
  const whole = element("jingle", namespaces.jingle, {}, ...contentsOf(offerSdp, "initiator"));
  const answer = element("jingle", namespaces.jingle, {}, ...contentsOf(answerSdp, "responder"));
  let taken = 0;
  for (const n of rounds(elements)) {
    let jingle = n % 2 === 0 ? whole : answer;
    for (let k = random.int(1, 4); k > 0; k--) jingle = broken(random, jingle);
    const about = { author: n % 3 === 0 ? "responder" : "initiator", sessionId: "1", version: 1 } as const;
    const made = toDescription(jingle, { ...about, offer: n % 2 === 0 ? undefined : offer });
    if (!made.ok) {
      expect(made.error.text.length).toBeLessThan(300);
      continue;
    }
    taken++;
    const text = formatDescription(made.value);
    const again = parseDescription(text);
    expect(again === undefined ? text : formatDescription(again)).toBe(text);
    expect(text).not.toMatch(/\r(?!\n)/);
    expect(made.value.media.length).toBeLessThanOrEqual(32);
  }
  expect(taken).toBeGreaterThan(elements / 20);
});

test("any SDP is written without a throw, and what is written is read again", () => {
  const random = chance(2);
  const lines = offerSdp.split("\r\n");
  for (const _ of rounds(descriptions)) {
    const next = [...lines];
    for (let k = random.int(1, 6); k > 0; k--) {
      const at = random.int(0, next.length - 1);
      const line = next[at] ?? "";
      const cut = random.int(0, line.length);
      next[at] = random.pick([
        line.slice(0, cut),
        `${line.slice(0, cut)}${random.pick(texts)}${line.slice(cut)}`,
        random.pick(lines),
        `a=${random.pick(["ssrc", "fmtp", "rtpmap", "extmap", "msid", "candidate", "group", "mid"])}:${random.pick(texts)}`,
      ]);
    }
    const description = parseDescription(next.join("\r\n"));
    if (description === undefined) continue;
    const contents = toContents(description, "initiator", { bareParameters: "value", dataChannels: true });
    contentsByName(element("jingle", namespaces.jingle, {}, ...contents));
    toDescription(element("jingle", namespaces.jingle, {}, ...contents), {
      author: "initiator",
      sessionId: "1",
      version: 1,
    });
  }
});

const actions = [
  "session-initiate",
  "session-accept",
  "session-info",
  "session-terminate",
  "transport-info",
  "transport-replace",
  "content-add",
  "content-modify",
  "content-remove",
  "content-accept",
  "description-info",
];
const kinds = ["propose", "ringing", "proceed", "accept", "reject", "retract", "finish"];

/** Clients and native devices that do anything at any time: nothing throws, bounds hold, no candidate goes to who has not won. */
test("random clients leave nothing behind", () => {
  let accepted = 0;
  for (const number of rounds(histories, steps)) {
    const random = chance(number);
    const world = new SimJingle();
    const { sim } = world;
    const clients: SimJingleClient[] = [
      world.client("alice", "desk", { mostSessions: 4 }),
      world.client("bob", "desk", { mostSessions: 4 }),
      world.client("bob", "phone", { mostSessions: 4, messageInitiation: true }),
      world.client("carol", "account", { mostSessions: 4, messageInitiation: true, account: true }),
    ];
    const natives: SimClient[] = ["bob", "dave"].map((user) =>
      sim.client(user, "native", { capabilities: { refusals: true } }).connect(),
    );
    natives.push(sim.client("cam", "eye", { capabilities: { sdpRole: "offer-only" } }).connect());
    const everybody = ["alice", "bob", "carol", "dave", "cam", "nobody"].map((one) => `${one}@call.example`);
    const known = (client: SimJingleClient) => {
      const sids = client.heard.flatMap((stanza) =>
        stanza.children.flatMap((one) =>
          typeof one === "string"
            ? []
            : [{ sid: one.attributes.sid ?? one.attributes.id, to: stanza.attributes.from }],
        ),
      );
      const found = random.chance(0.8) && sids.length > 0 ? random.pick(sids) : undefined;
      return {
        sid: found?.sid ?? random.pick(["s1", "s2", "s3"]),
        to: found?.to ?? random.pick(everybody),
        from: client.jid.includes("other") ? `${client.jid}/${random.pick(["x", "y"])}` : client.jid,
      };
    };
    const position = (native: SimClient) => {
      const all = native.heard.filter((frame) => frame.session !== undefined);
      const push = all.length === 0 ? undefined : random.pick(all);
      return push && { session: push.session, pair: push.pair ?? 1, generation: random.int(1, 2) };
    };
    const acts: (() => void)[] = [
      () => {
        const client = random.pick(clients);
        let contents = contentsOf(
          random.pick([offerSdp, answerSdp]),
          random.pick(["initiator", "responder"]),
        );
        if (random.chance(0.3))
          contents = contents.map((one) => (random.chance(0.3) ? broken(random, one) : one));
        const info = element(random.pick(["ringing", "hold", "active", "mute", "x"]), namespaces.rtpInfo);
        const reason = element(
          "reason",
          namespaces.jingle,
          {},
          element(random.pick(["busy", "success", "decline"]), namespaces.jingle),
        );
        const action = random.pick(actions);
        const within =
          action === "session-info" ? [info] : action === "session-terminate" ? [reason] : contents;
        client.say(action, known(client), ...within);
      },
      () => {
        const client = random.pick(clients);
        const { sid, to, from } = known(client);
        client.tell(random.pick(kinds), sid, to, { from });
      },
      () => {
        const client = random.pick(clients);
        const about = known(client);
        client.say(
          client.told.at(-1) === "session-initiate" ? "session-accept" : "session-initiate",
          about,
          ...contentsOf(
            client.told.at(-1) === "session-initiate" ? answerSdp : offerSdp,
            client.told.at(-1) === "session-initiate" ? "responder" : "initiator",
          ),
        );
      },
      () =>
        void random.pick(natives).ask("call", {
          to: random.pick(["alice", "bob", "carol", "carol"]),
          media: { audio: true },
          ...(random.chance(0.7) ? { description: { type: "offer", sdp: offerSdp } } : {}),
        }),
      () => {
        const native = random.pick(natives);
        const rings = native.pushes("incoming");
        if (rings.length === 0) return;
        const ring = random.pick(rings);
        const type = ring.offer ? "offer" : "answer";
        const description = { type, sdp: ring.offer ? offerSdp : answerSdp };
        native.ask("accept", { session: ring.session, ...(random.chance(0.5) ? {} : { description }) });
      },
      () => {
        const native = random.pick(natives);
        const all = native.pushes("accepted");
        if (all.length === 0) return;
        const { session, device } = random.pick(all);
        native.ask("confirm", { session, device });
      },
      () => {
        const native = random.pick(natives);
        const type = random.pick(["offer", "answer"]);
        const sdp = random.pick([offerSdp, answerSdp, "v=0\r\n", "no"]);
        const candidates = [{ candidate: "candidate:1 1 udp 1 192.0.2.1 5000 typ host", sdpMid: "0" }];
        native.ask("signal", {
          ...position(native),
          ...(random.chance(0.6) ? { description: { type, sdp } } : { candidates, endOfCandidates: true }),
        });
      },
      () => {
        const native = random.pick(natives);
        native.ask(random.pick(["restart", "resync", "hangup", "cancel", "decline", "ringing"]), {
          ...position(native),
        });
      },
      () => sim.pass(random.int(0, 20_000)),
    ];
    for (let step = 0; step < steps; step++) {
      random.pick(acts)();
      sim.pass(0);
      for (const { jingle } of clients) expect(jingle.size).toBeLessThanOrEqual(4);
    }
    for (const client of clients) {
      accepted += client.told.filter((one) => one === "session-accept").length;
      client.jingle.gone();
      world.port.detach(client.device, "client", sim.now);
    }
    for (const native of natives) native.drop(1_000);
    sim.pass(900_000);
    const { sessionsRinging, sessionsActive } = sim.core.stats();
    expect([...clients.map(({ jingle }) => jingle.size), sessionsRinging, sessionsActive]).toEqual([
      0, 0, 0, 0, 0, 0,
    ]);
  }
  expect(accepted).toBeGreaterThan(histories / 20);
});
