import { afterEach, expect, test } from "bun:test";
import wrtc from "@roamhq/wrtc";
import type { Candidate } from "../protocol/values.ts";
import { Negotiation, type Signal } from "./negotiation.ts";

const peers: RTCPeerConnection[] = [];
afterEach(() => {
  for (const pc of peers.splice(0)) pc.close();
});

/** Two real peers, joined by pipes that keep the order and let the test hold back or drop what passes. */
function join() {
  const one = end(false);
  const other = end(true);
  one.to = other;
  other.to = one;
  one.other = other;
  other.other = one;
  return { one, other };
}

function end(polite: boolean) {
  const pc = new wrtc.RTCPeerConnection();
  peers.push(pc);
  const me = {
    pc,
    to: undefined as { negotiation: Pick<Negotiation, "receive"> } | undefined,
    /** Signals that wait to be delivered, while it holds. */
    held: [] as Signal[],
    holds: false,
    sent: [] as Signal[],
    errors: [] as unknown[],
    /** How often this end's offers were refused. */
    get refusals(): number {
      const theirs = me.other?.sent ?? [];
      return theirs.filter(({ refused }) => refused).length;
    },
    other: undefined as { sent: Signal[] } | undefined,
    negotiation: new (class extends Negotiation {
      send(signal: Signal): void {
        me.sent.push(signal);
        if (me.holds) me.held.push(signal);
        else setTimeout(() => me.to?.negotiation.receive(signal), 2);
      }
      applied(): void {}
      refuse(error: unknown): void {
        this.send({ generation: this.generation, refused: { reason: String(error) } });
      }
      failed(error: unknown): void {
        me.errors.push(error);
      }
    })(pc, polite, 1),
    release: () => {
      me.holds = false;
      for (const signal of me.held.splice(0)) me.to?.negotiation.receive(signal);
    },
    descriptions: () => me.sent.flatMap(({ description }) => description?.type ?? []),
  };
  pc.onnegotiationneeded = () => me.negotiation.needed();
  pc.onicecandidate = ({ candidate }) => {
    const plain = candidate?.toJSON() as Candidate | undefined;
    const generation = me.negotiation.gathered(plain);
    if (plain && me.to) me.negotiation && send(me, { generation, candidates: [plain] });
  };
  return me;
}

function send(me: ReturnType<typeof end>, signal: Signal): void {
  if (me.holds) me.held.push(signal);
  else me.to?.negotiation.receive(signal);
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let n = 0; n < 1_000; n++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited for ${what}`);
}

const settled = (...ends: ReturnType<typeof end>[]) =>
  until(
    () => ends.every(({ pc }) => pc.connectionState === "connected" && pc.signalingState === "stable"),
    "stable",
  );

const ufrag = (pc: RTCPeerConnection) => /ice-ufrag:(\S+)/.exec(pc.localDescription?.sdp ?? "")?.[1];
const videos = (pc: RTCPeerConnection) =>
  pc
    .getTransceivers()
    .filter(({ currentDirection }) => currentDirection === "sendrecv" || currentDirection === "recvonly")
    .length;
/** Of a candidate: component, protocol, priority, address and port. */
const address = (candidate: string) => candidate.split(" ").slice(1, 6).join(" ");
const track = () => new wrtc.nonstandard.RTCVideoSource().createTrack();

/** Both, one of which sends a track already. */
async function sending() {
  const { one, other } = join();
  one.pc.addTrack(track());
  one.negotiation.start();
  await settled(one, other);
  return { one, other };
}

test("one round connects; what was attached before it asks for no other", async () => {
  const { one, other } = join();
  one.pc.addTrack(track());
  other.pc.addTrack(track());
  one.pc.createDataChannel("x");
  one.negotiation.start();
  await settled(one, other);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([one.descriptions(), other.descriptions()]).toEqual([["offer"], ["answer"]]);
  expect([videos(one.pc), videos(other.pc)]).toEqual([1, 1]);
  expect([...one.errors, ...other.errors]).toEqual([]);
});

test("candidates that overtake their description wait for it", async () => {
  const { one, other } = join();
  one.pc.createDataChannel("x");
  one.holds = true;
  one.negotiation.start();
  await until(() => one.held.length > 2, "candidates");
  const offer = one.held.findIndex(({ description }) => description);
  const [first] = one.held.splice(offer, 1);
  const early = one.held.flatMap(({ candidates = [] }) =>
    candidates.map(({ candidate }) => address(candidate)),
  );
  expect(early.length).toBeGreaterThan(1);
  one.held.push(first as Signal);
  one.release();
  await settled(one, other);
  // The call would connect without them: what the other end hears from it is a candidate too.
  const known = other.pc.remoteDescription?.sdp.match(/candidate:.*/g)?.map(address) ?? [];
  expect(early.filter((one) => !known.includes(one))).toEqual([]);
  expect([...one.errors, ...other.errors]).toEqual([]);
});

test("glare: both offer at once, the polite one gives way, and both get what they wanted", async () => {
  for (let round = 0; round < 3; round++) {
    const { one, other } = join();
    one.pc.createDataChannel("x");
    one.negotiation.start();
    await settled(one, other);
    one.holds = true;
    other.holds = true;
    one.pc.addTrack(track());
    other.pc.addTrack(track());
    await until(
      () => [one, other].every(({ held }) => held.some(({ description }) => description)),
      "both offers",
    );
    expect([one, other].map(({ pc }) => pc.signalingState)).toEqual(["have-local-offer", "have-local-offer"]);
    one.release();
    other.release();
    await until(() => videos(one.pc) > 0 && videos(other.pc) > 0, "both tracks");
    await settled(one, other);
    expect([...one.errors, ...other.errors]).toEqual([]);
  }
});

test("glare at the first channel: the polite end's waits for its turn, opens, and is offered twice, not for ever", async () => {
  const { one, other } = await sending();
  one.holds = true;
  other.holds = true;
  one.pc.addTrack(track());
  const channel = other.pc.createDataChannel("x");
  await until(
    () => [one, other].every(({ held }) => held.some(({ description }) => description)),
    "both offers",
  );
  // What joins while its offer is on the way is not lost either.
  other.pc.addTrack(track());
  one.release();
  other.release();
  await until(() => channel.readyState === "open", "the channel");
  await until(() => videos(one.pc) === 1 && videos(other.pc) === 2, "all tracks");
  await settled(one, other);
  expect(one.descriptions()).toEqual(["offer", "offer", "answer"]);
  expect(other.descriptions()).toEqual(["answer", "offer", "answer", "offer"]);
  expect([...one.errors, ...other.errors]).toEqual([]);
});

test("both open the first channel at once, or one restarts meanwhile: both channels open", async () => {
  for (const restarts of [false, true]) {
    const { one, other } = await sending();
    one.holds = true;
    other.holds = true;
    const channels = [other.pc.createDataChannel("x")];
    if (!restarts) channels.push(one.pc.createDataChannel("y"));
    await until(() => other.held.some(({ description }) => description), "the polite offer");
    if (restarts) {
      // The server refuses what is of an older generation: it never comes.
      other.held.length = 0;
      one.negotiation.restart({ generation: 2, offer: true });
      other.negotiation.restart({ generation: 2, offer: false });
    }
    await until(() => one.held.some(({ description }) => description), "the impolite offer");
    one.release();
    other.release();
    await until(() => channels.every(({ readyState }) => readyState === "open"), "the channels");
    await settled(one, other);
    expect(other.descriptions().filter((type) => type === "offer").length).toBe(restarts ? 2 : 1);
    expect([...one.errors, ...other.errors]).toEqual([]);
  }
});

test("a restart: new credentials at both ends; an offer of the older generation gives way to it, polite or not", async () => {
  const { one, other } = join();
  one.pc.createDataChannel("x");
  one.negotiation.start();
  await settled(one, other);
  const before = ufrag(one.pc);
  // The server refuses what is of an older generation: it never comes.
  one.holds = true;
  one.pc.addTrack(track());
  await until(() => one.pc.signalingState === "have-local-offer", "an offer that is lost");
  one.held.length = 0;
  one.holds = false;
  one.negotiation.restart({ generation: 2, offer: false });
  other.negotiation.restart({ generation: 2, offer: true });
  await until(() => ufrag(one.pc) !== before, "the restart");
  await settled(one, other);
  await until(() => videos(other.pc) === 1, "the track, offered again");
  expect([one.negotiation.generation, other.negotiation.generation]).toEqual([2, 2]);
  one.negotiation.restart({ generation: 2, offer: true });
  one.negotiation.receive({ generation: 1, description: { type: "offer", sdp: "old" } });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([...one.errors, ...other.errors]).toEqual([]);
});

test("a restart while the first channel is being offered: the channel opens, and it is offered once more, not for ever", async () => {
  const { one, other } = await sending();
  one.holds = true;
  const channel = one.pc.createDataChannel("x");
  await until(() => one.held.some(({ description }) => description), "an offer that is lost");
  one.held.length = 0;
  one.holds = false;
  one.negotiation.restart({ generation: 2, offer: true });
  other.negotiation.restart({ generation: 2, offer: false });
  await until(() => channel.readyState === "open", "the channel");
  await settled(one, other);
  expect(one.descriptions()).toEqual(["offer", "offer", "offer"]);
  expect([...one.errors, ...other.errors]).toEqual([]);
});

/** Makes an offer that no end can apply of each that passes while `spoils` says so. */
function spoiled(ends: ReturnType<typeof join>, spoils: () => boolean) {
  const { one, other } = ends;
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const)
    from.to = {
      negotiation: {
        receive: (signal: Signal) => {
          const { description } = signal;
          const spoil = spoils() && description?.type === "offer";
          const sdp = spoil && description.sdp.replace(/a=ice-(ufrag|pwd).*\r\n/g, "");
          to.negotiation.receive(sdp ? { ...signal, description: { type: "offer", sdp } } : signal);
        },
      },
    };
  return ends;
}

test("an offer that can't be applied is refused; what stood goes on, and the next change is offered", async () => {
  let spoils = true;
  const { one, other } = spoiled(await sending(), () => spoils);
  for (const [offerer, answerer] of [
    [one, other],
    [other, one],
  ] as const) {
    spoils = true;
    const before = videos(answerer.pc);
    offerer.pc.addTrack(track());
    await until(() => offerer.refusals > 0, "the refusal");
    await settled(one, other);
    // It is not offered again by itself.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(offerer.refusals).toBe(1);
    expect(videos(answerer.pc)).toBe(before);
    spoils = false;
    offerer.pc.addTrack(track());
    offerer.negotiation.changed();
    await until(() => videos(answerer.pc) > before, "both tracks");
    await settled(one, other);
  }
  expect([...one.errors, ...other.errors]).toEqual([]);
});

test("glare: the polite end refuses the other's offer, and its own has its turn", async () => {
  let spoils = true;
  const { one, other } = spoiled(await sending(), () => spoils);
  one.holds = true;
  other.holds = true;
  one.pc.addTrack(track());
  other.pc.addTrack(track());
  await until(
    () => [one, other].every(({ held }) => held.some(({ description }) => description)),
    "both offers",
  );
  one.release();
  await until(() => other.held.some(({ refused }) => refused), "the refusal");
  spoils = false;
  other.release();
  await until(() => videos(one.pc) === 1 && videos(other.pc) === 2, "both tracks");
  await settled(one, other);
  expect([...one.errors, ...other.errors]).toEqual([]);
});

test("a first offer that can't be applied is refused, and fails", async () => {
  const { one, other } = spoiled(join(), () => true);
  one.pc.addTrack(track());
  one.negotiation.start();
  await until(() => one.refusals > 0 && other.errors.length === 1, "the refusal");
  await until(() => one.pc.signalingState === "stable", "the rollback");
});

test("a hold by the other end stands, though Firefox wants an offer after it; what changes meanwhile is offered", async () => {
  const { one, other } = join();
  one.pc.addTrack(track());
  other.pc.addTrack(track());
  one.negotiation.start();
  await settled(one, other);
  const direct = (pc: RTCPeerConnection, direction: RTCRtpTransceiverDirection) => {
    for (const transceiver of pc.getTransceivers()) transceiver.direction = direction;
  };
  const offers = () => other.descriptions().filter((type) => type === "offer").length;
  for (const change of [
    () => direct(other.pc, "inactive"),
    () => other.pc.addTrack(track()),
    () => other.pc.createDataChannel("x"),
  ]) {
    direct(one.pc, "sendonly");
    const [answers, before] = [other.descriptions().length, offers()];
    await until(() => other.descriptions().length > answers, "the answer");
    await settled(one, other);
    // Firefox fires the event that calls this.
    other.negotiation.needed();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(offers()).toBe(before);
    change();
    other.negotiation.changed();
    await until(() => offers() > before, "the offer");
    await settled(one, other);
    for (const { pc } of [one, other]) direct(pc, "sendrecv");
    const goesOn = ({ currentDirection }: RTCRtpTransceiver) => currentDirection === "sendrecv";
    await until(() => one.pc.getTransceivers().every(goesOn), "the end of the hold");
    await settled(one, other);
  }
  expect([...one.errors, ...other.errors]).toEqual([]);
});

test("resync: what the other end missed comes again", async () => {
  const { one, other } = join();
  one.pc.createDataChannel("x");
  one.holds = true;
  one.negotiation.start();
  await until(() => one.held.length > 2, "offer and candidates");
  one.held.length = 0;
  one.holds = false;
  one.negotiation.resync();
  await until(() => other.pc.signalingState === "stable" && other.descriptions().length === 1, "the answer");
  await settled(one, other);
  // An answer that was lost: the offer comes again, and is answered again.
  other.holds = true;
  one.pc.addTrack(track());
  await until(() => other.held.length > 0, "an answer that is lost");
  other.held.length = 0;
  other.holds = false;
  one.negotiation.resync();
  await until(() => videos(other.pc) === 1, "the track");
  await settled(one, other);
  expect([...one.errors, ...other.errors]).toEqual([]);
});

test("nonsense is told, once, and stops nothing", async () => {
  const { one, other } = join();
  other.negotiation.receive({ generation: 1, description: { type: "offer", sdp: "nonsense" } });
  await until(() => other.errors.length === 1, "the error");
  one.pc.createDataChannel("x");
  one.negotiation.start();
  await settled(one, other);
  one.negotiation.close();
  one.pc.close();
  one.negotiation.receive({ generation: 1, description: { type: "offer", sdp: "nonsense" } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(one.errors).toEqual([]);
});
