import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { AnyFrame, SimClient } from "../../../../test/support/sim-core.ts";
import { SimMqtt, type SimMqttClient } from "../../../../test/support/sim-mqtt.ts";

const chromium = readFileSync(
  new URL("../../../../test/support/sdp/chromium-answer.sdp", import.meta.url),
  "utf8",
);
const ice = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:passive\r\n";
const offerSdp =
  `v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE video\r\n${ice}a=fingerprint:sha-256 ${"AB:".repeat(31)}AB\r\n` +
  "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 H264/90000\r\na=sendrecv\r\na=mid:video\r\n" +
  "a=candidate:1 1 UDP 1 192.0.2.7 5000 typ host\r\n";
const answerSdp = chromium.replaceAll("a=candidate", "a=x-candidate");
const candidate = (n: number) => ({
  candidate: `candidate:1 1 udp ${n} 192.0.2.9 ${5_000 + n} typ host generation 0`,
  sdpMid: "video",
});

class Libpeer {
  readonly world: SimMqtt;
  readonly client: SimMqttClient;

  constructor(world: SimMqtt, name = "door/cam") {
    this.world = world;
    this.client = world.client(name, { version: 4, clean: false, clientId: "cam" });
    expect(this.client.subscribe(`/${name}/invoke`)[0]).toBeLessThan(0x80);
  }

  get asked(): AnyFrame[] {
    return this.client.frames("/invoke");
  }

  get methods(): string[] {
    return this.asked.map(({ method }) => method);
  }

  /** Replies to the last request. */
  reply(fields: object, id = this.asked.at(-1).id): void {
    this.client.publish(`/${this.client.name}/result`, { jsonrpc: "2.0", id, ...fields }, 0);
  }
}

function world(limits = {}) {
  const made = new SimMqtt(limits);
  const watcher = made.sim.client("watcher", "web").connect();
  return { made, sim: made.sim, watcher };
}

function call(watcher: SimClient, to = "door/cam"): string {
  const { session } = watcher.ask("call", { to, media: { video: true } }).ok;
  watcher.sim.pass(0);
  return session;
}

/** The camera's offer is with the watcher, who confirms. */
function connected(camera: Libpeer, watcher: SimClient): { session: string; generation: number } {
  const session = call(watcher);
  camera.reply({ result: "new" });
  camera.reply({ result: offerSdp });
  const { generation, description, offer } = watcher.last("accepted");
  expect([description.type, offer]).toEqual(["offer", false]);
  expect(description.sdp).not.toContain("a=candidate");
  watcher.ask("confirm", { session, device: "cam" });
  watcher.sim.pass(0);
  return { session, generation };
}

describe("libpeer", () => {
  test("is asked for its state and its offer, and gets one whole answer; the end is told as close", () => {
    const { made, sim, watcher } = world();
    const camera = new Libpeer(made);
    const { session, generation } = connected(camera, watcher);
    const { candidates } = watcher.last("signal");
    expect(candidates).toEqual([
      expect.objectContaining({ candidate: "candidate:1 1 UDP 1 192.0.2.7 5000 typ host", sdpMid: "video" }),
    ]);
    const signal = (fields: object) => watcher.ask("signal", { session, pair: 1, generation, ...fields });
    signal({ description: { type: "answer", sdp: answerSdp } });
    sim.pass(100);
    expect(camera.methods).toEqual(["state", "offer"]);
    signal({ candidates: [candidate(1), candidate(2)], endOfCandidates: true });
    sim.pass(0);
    expect(camera.methods).toEqual(["state", "offer", "answer"]);
    watcher.ask("hangup", { session });
    sim.pass(0);
    expect(camera.methods.at(-1)).toBe("close");
    // Each request has an id of its own, which is positive.
    const ids = camera.asked.map(({ id }) => id);
    expect([new Set(ids).size, Math.min(...ids) > 0]).toEqual([ids.length, true]);
  });

  test("where the end of the candidates does not come, the answer goes without it after a while", () => {
    const { made, sim, watcher } = world();
    const camera = new Libpeer(made);
    const { session, generation } = connected(camera, watcher);
    watcher.ask("signal", {
      ...{ session, pair: 1, generation },
      description: { type: "answer", sdp: answerSdp },
    });
    sim.pass(1_999);
    expect(camera.methods).not.toContain("answer");
    sim.pass(1);
    expect(camera.methods).toContain("answer");
  });

  test("an answer of 5 KB is minimised; one that can't be made small enough ends the call", () => {
    for (const [fat, reason] of [
      [`${answerSdp}${"a=extmap:1 urn:x\r\n".repeat(400)}`, undefined],
      [answerSdp.replace(/a=mid:.*/, `a=mid:${"m".repeat(300)}`), "failed"],
    ] as const) {
      const { made, sim, watcher } = world();
      const camera = new Libpeer(made);
      const { session, generation } = connected(camera, watcher);
      expect(fat.length).toBeGreaterThan(reason === undefined ? 5_000 : 300);
      watcher.ask("signal", {
        ...{ session, pair: 1, generation },
        description: { type: "answer", sdp: fat },
        endOfCandidates: true,
      });
      sim.pass(0);
      const { params } = camera.asked.find(({ method }) => method === "answer") ?? {};
      expect(watcher.last("ended")?.reason).toBe(reason);
      if (reason === undefined) expect(params.length).toBeLessThan(3_600);
      else expect([params, camera.methods.at(-1)]).toEqual([undefined, "close"]);
    }
  });

  test("wrong ids, other words, and offers that come late are ignored", () => {
    const { made, sim, watcher } = world();
    const camera = new Libpeer(made);
    const session = call(watcher);
    const [{ id }] = camera.asked;
    for (const wrong of [id + 1, 0, -1, 2 ** 40, 1.5, "1", null]) camera.reply({ result: "new" }, wrong);
    for (const text of ["", "[]", "{", "null", '{"id":1}', `{"id":${id}}`, `{"id":${id},"result":7}`])
      camera.client.publish("/door/cam/result", text, 0);
    expect(camera.methods).toEqual(["state"]);
    camera.reply({ result: "new" });
    const offer = camera.asked.at(-1).id;
    watcher.ask("cancel", { session });
    sim.pass(0);
    expect(camera.methods).toEqual(["state", "offer", "close"]);
    camera.reply({ result: offerSdp }, offer);
    expect([camera.methods.length, watcher.pushes("accepted")]).toEqual([3, []]);
    // The next call is not taken in by it.
    call(watcher);
    camera.reply({ result: offerSdp }, offer);
    expect(camera.methods).toEqual(["state", "offer", "close", "state"]);
  });

  test("two calls at one: the second caller hears busy, and so does who calls a camera that somebody else watches", () => {
    const { made, sim, watcher } = world();
    const camera = new Libpeer(made);
    connected(camera, watcher);
    const second = sim.client("second", "web").connect();
    call(second);
    sim.pass(0);
    expect(second.last("ended").reason).toBe("busy");
    const other = world();
    const taken = new Libpeer(other.made);
    call(other.watcher);
    taken.reply({ result: "completed" });
    expect(other.watcher.last("ended").reason).toBe("busy");
    // It was asked for nothing, so there is nothing to close.
    expect(taken.methods).toEqual(["state"]);
  });

  test("who is silent, makes no offer, or one that is none, is incompatible", () => {
    for (const offer of ["", "v=0", "v=0\r\ns=-\r\n", "x".repeat(70_000), undefined]) {
      const { made, sim, watcher } = world();
      const camera = new Libpeer(made);
      call(watcher);
      camera.reply({ result: "closed" });
      if (offer === undefined) camera.reply({ error: { code: -32_603, message: "Internal error" } });
      else camera.reply({ result: offer });
      sim.pass(10_000);
      expect(watcher.last("ended").reason).toBe("incompatible");
    }
    const { made, sim, watcher } = world();
    const camera = new Libpeer(made);
    call(watcher);
    sim.pass(10_000);
    expect([watcher.last("ended").reason, camera.methods]).toEqual(["incompatible", ["state"]]);
  });

  test("it is asked now and then whether its call goes on, and what it says ends it", () => {
    for (const [said, reason] of [
      ["closed", "hangup"],
      ["failed", "hangup"],
      [undefined, "failed"],
    ] as const) {
      const { made, sim, watcher } = world();
      const camera = new Libpeer(made);
      const { session, generation } = connected(camera, watcher);
      watcher.ask("signal", {
        ...{ session, pair: 1, generation },
        description: { type: "answer", sdp: answerSdp },
        endOfCandidates: true,
      });
      sim.pass(10_000);
      expect(camera.methods.slice(-2)).toEqual(["answer", "state"]);
      camera.reply({ result: "completed" });
      sim.pass(10_000);
      if (said === undefined) sim.pass(60_000);
      else camera.reply({ result: said });
      expect(watcher.last("ended").reason).toBe(reason);
      expect(camera.methods.at(-1)).toBe("close");
    }
  });

  test("hold is answered for it, and an ICE restart is refused; the call goes on", () => {
    const { made, sim } = world();
    const watcher = sim.client("watcher", "phone", { capabilities: { refusals: true } }).connect();
    const camera = new Libpeer(made);
    const { session, generation } = connected(camera, watcher);
    const signal = (fields: object) => {
      watcher.ask("signal", { session, pair: 1, generation, ...fields });
      sim.pass(0);
    };
    const [head = "", ...sections] = answerSdp.split(/(?=^m=)/m);
    const video = sections.find((section) => section.startsWith("m=video")) ?? "";
    const own = (head + video)
      .replace(/a=mid:.*/, "a=mid:video")
      .replace(/a=group:.*/, "a=group:BUNDLE video");
    signal({ description: { type: "answer", sdp: own }, endOfCandidates: true });
    signal({ description: { type: "offer", sdp: own.replace("a=sendrecv", "a=inactive") } });
    expect(watcher.last("signal").description).toMatchObject({ type: "answer" });
    expect(watcher.last("signal").description.sdp).toContain("a=setup:passive");
    const restart = own.replaceAll(/a=ice-ufrag:.*/g, "a=ice-ufrag:other");
    signal({ description: { type: "offer", sdp: restart } });
    expect(watcher.last("signal").refused).toBeDefined();
    expect(camera.methods).toEqual(["state", "offer", "answer"]);
  });

  test("one that goes in a call is waited for, and without a call it is gone at once", () => {
    const { made, sim, watcher } = world();
    const camera = new Libpeer(made);
    const { session } = connected(camera, watcher);
    camera.client.drop();
    expect(watcher.last("peer")).toMatchObject({ session, link: "suspended" });
    camera.client.again();
    camera.client.subscribe("/door/cam/invoke");
    expect(watcher.last("peer")).toMatchObject({ session, link: "live" });
    camera.client.drop();
    sim.pass(30_000);
    expect(watcher.last("ended").reason).toBe("failed");
    camera.client.again();
    camera.client.subscribe("/door/cam/invoke");
    camera.client.disconnect();
    call(watcher);
    sim.pass(60_000);
    expect(watcher.last("ended").reason).toBe("unreachable");
  });
});

describe("pi-webrtc", () => {
  const make = () => {
    const { made, sim, watcher } = world();
    const camera = made.client("door/cam", { clientId: "" });
    expect(camera.subscribe("cam/offer/+", "cam/answer/+", "cam/ice/+").every((code) => code < 0x80)).toBe(
      true,
    );
    const session = call(watcher);
    watcher.ask("confirm", { session, device: "cam" });
    sim.pass(0);
    const signal = (fields: object) => {
      watcher.ask("signal", { session, pair: 1, generation: 1, ...fields });
      sim.pass(0);
    };
    const heard = (word: string) => camera.told.filter(({ topic }) => topic.startsWith(`cam/${word}/`));
    return { sim, watcher, camera, session, signal, heard };
  };

  test("gets the offer and candidates, in its topics of this call, and its answer and candidates cross", () => {
    const { watcher, camera, signal, heard } = make();
    signal({ description: { type: "offer", sdp: offerSdp } });
    const [offer] = heard("offer");
    expect(JSON.parse(offer?.text ?? "")).toEqual({ type: "offer", sdp: offerSdp });
    const id = offer?.topic.split("/")[2];
    // The camera ends itself where a field is not there.
    signal({
      candidates: [
        { candidate: "candidate:1 1 udp 1 192.0.2.1 1 typ host", sdpMid: "video" },
        { candidate: "" },
      ],
    });
    expect(heard("ice").map(({ text }) => JSON.parse(text))).toEqual([
      { candidate: "candidate:1 1 udp 1 192.0.2.1 1 typ host", sdpMid: "video", sdpMLineIndex: 0 },
    ]);
    const ice = { candidate: "candidate:2 1 udp 1 192.0.2.2 2 typ host", sdpMid: "video", sdpMLineIndex: 0 };
    expect(camera.publish(`cam/answer/${id}`, { type: "answer", sdp: answerSdp }, 2)).toBe(0);
    camera.publish(`cam/ice/${id}`, ice, 2);
    expect(watcher.pushes("signal")).toEqual([
      expect.objectContaining({ description: { type: "answer", sdp: answerSdp } }),
      expect.objectContaining({ candidates: [ice] }),
    ]);
    // Once connected it makes an offer of its own.
    camera.publish(`cam/offer/${id}`, { type: "offer", sdp: offerSdp }, 2);
    expect(watcher.last("signal").description.type).toBe("offer");
    signal({ description: { type: "answer", sdp: answerSdp } });
    expect(heard("answer")).toHaveLength(1);
  });

  test("in glare its offer, which it can't take back, is answered with what the other end said last, whichever offer comes first", () => {
    for (const first of ["camera", "other end"]) {
      const { watcher, camera, signal, heard } = make();
      signal({ description: { type: "offer", sdp: offerSdp } });
      const id = heard("offer")[0]?.topic.split("/")[2];
      const answer = offerSdp.replace("o=- 1 1", "o=- 2 1").replace("passive", "active");
      camera.publish(`cam/answer/${id}`, { type: "answer", sdp: answer }, 2);
      const hold = offerSdp.replace("sendrecv", "sendonly");
      const steps = [
        () => camera.publish(`cam/offer/${id}`, { type: "offer", sdp: answer }, 2),
        () => signal({ description: { type: "offer", sdp: hold } }),
      ];
      for (const step of first === "camera" ? steps : steps.reverse()) step();
      const told = camera.told.filter(({ topic }) => /^cam\/(offer|answer)\//.test(topic)).slice(1);
      const words = told.map(({ topic }) => topic.split("/")[1]);
      expect(words).toEqual(first === "camera" ? ["answer", "offer"] : ["offer", "answer", "offer"]);
      const [inPlace, last] = told.slice(-2).map(({ text }) => JSON.parse(text));
      expect([inPlace.type, last]).toEqual(["answer", { type: "offer", sdp: hold }]);
      expect(inPlace.sdp).toContain("a=setup:passive");
      expect(inPlace.sdp).toContain("a=sendrecv");
      // From here on all is as usual.
      camera.publish(`cam/answer/${id}`, { type: "answer", sdp: answer }, 2);
      expect(watcher.last("signal").description).toEqual({ type: "answer", sdp: answer });
      camera.publish(`cam/offer/${id}`, { type: "offer", sdp: answer }, 2);
      expect(watcher.last("signal").description.type).toBe("offer");
    }
  });

  test("gets the offer that a phone calls with, once it has taken the call", () => {
    const { made, sim, watcher } = world();
    const camera = made.client("door/cam", { clientId: "" });
    camera.subscribe("cam/offer/+", "cam/answer/+", "cam/ice/+");
    const description = { type: "offer", sdp: offerSdp.replace(/a=candidate:.*\r\n/g, "") };
    const asked = watcher.ask("call", { to: "door/cam", description });
    expect(asked).toHaveProperty("ok");
    const { session } = asked.ok;
    sim.pass(0);
    watcher.ask("confirm", { session, device: "cam" });
    sim.pass(0);
    const [offer] = camera.told.filter(({ topic }) => topic.startsWith("cam/offer/"));
    expect(JSON.parse(offer?.text ?? "{}")).toEqual(description);
  });

  test("candidates before an offer, offers of other calls, and what is none, are ignored", () => {
    const { watcher, camera, signal, heard } = make();
    signal({ description: { type: "offer", sdp: offerSdp } });
    const id = heard("offer")[0]?.topic.split("/")[2] ?? "";
    const ice = { candidate: "candidate:2 1 udp 1 192.0.2.2 2 typ host", sdpMid: "video", sdpMLineIndex: 0 };
    for (const [word, message, client] of [
      ["ice", ice, "another"],
      ["answer", { type: "answer", sdp: answerSdp }, "another"],
      ["offer", { type: "offer", sdp: offerSdp }, id],
      ["answer", { type: "offer", sdp: offerSdp }, id],
      ["answer", { type: "answer" }, id],
      ["ice", { candidate: 7, sdpMid: "video", sdpMLineIndex: 0 }, id],
      ["ice", { candidate: "candidate:1", sdpMid: null, sdpMLineIndex: 0 }, id],
      ["ice", "no JSON", id],
    ] as const)
      expect(camera.publish(`cam/${word}/${client}`, message, 2)).toBe(0);
    expect(watcher.pushes("signal")).toEqual([]);
  });

  test("who gives no answer is hung up on", () => {
    const { sim, watcher, signal } = make();
    signal({ description: { type: "offer", sdp: offerSdp } });
    sim.pass(10_000);
    expect(watcher.last("ended").reason).toBe("failed");
  });
});

test("a call to the user of a camera rings people, and the camera alone where there is nobody else", () => {
  for (const others of [[], ["phone"]]) {
    const { made, sim, watcher } = world();
    const camera = new Libpeer(made);
    for (const device of others) sim.client("door", device).connect();
    call(watcher, "door");
    expect(camera.methods).toEqual(others.length === 0 ? ["state"] : []);
  }
});

test("a doorbell calls whom it names, and gives the camera's offer to who answers", () => {
  const { made, sim, watcher } = world();
  const camera = new Libpeer(made);
  const button = made.client("door/cam", { clientId: "button" });
  expect(button.publish("sb/1/d/door/cam/doorbell", "watcher")).toBe(0);
  const { session, from } = watcher.last("incoming");
  expect(from).toMatchObject({ user: "door", device: "cam", kind: "camera" });
  // A second press rings nobody anew.
  button.publish("sb/1/d/door/cam/doorbell", "watcher");
  expect(watcher.pushes("incoming")).toHaveLength(1);
  watcher.ask("accept", { session });
  sim.pass(0);
  expect(camera.methods).toEqual(["offer"]);
  camera.reply({ result: offerSdp });
  const { description, generation } = watcher.pushes("signal")[0];
  expect(description.type).toBe("offer");
  watcher.ask("signal", {
    ...{ session, pair: 1, generation },
    description: { type: "answer", sdp: answerSdp },
    endOfCandidates: true,
  });
  sim.pass(0);
  expect(camera.methods).toEqual(["offer", "answer"]);
  watcher.ask("hangup", { session });
  sim.pass(0);
  expect(camera.methods.at(-1)).toBe("close");
  expect(made.gateway.numbers.calls).toBe(0);
});

test("topics of cameras are the device's own", () => {
  const { made } = world();
  const client = made.client("door/cam", { clientId: "x" });
  expect(
    client.subscribe("/door/other/invoke", "other/offer/+", "+/offer/+", "/door/cam/#", "cam/offer/x"),
  ).toEqual(Array(5).fill(0x87));
  expect(client.publish("/door/other/result", "{}")).toBe(0x87);
  expect(client.publish("other/doorbell", "watcher")).toBe(0x87);
});
