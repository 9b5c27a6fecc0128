import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { minimiseAnswer } from "../../src/gateways/mqtt/cameras/answer-minimiser.ts";
import {
  parsePiCandidate,
  parsePiDescription,
  parseReply,
} from "../../src/gateways/mqtt/cameras/camera-messages.ts";
import { cameraFilter, cameraTopic } from "../../src/gateways/mqtt/cameras/camera-topics.ts";
import { unsafeIn } from "../mqtt/support/safe-answer.ts";
import { SimMqtt } from "../support/sim-mqtt.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const inputs = fuzzRounds(2_000);
/** Messages of one history. */
const steps = 40;
const histories = fuzzRounds(60, steps);

const read = (name: string) => readFileSync(new URL(`../support/sdp/${name}.sdp`, import.meta.url), "utf8");
const answer = read("chromium-answer");
const offer = read("chromium-offer-before-candidates");

const pieces = [
  ...[
    "",
    "0",
    "-1",
    "1e999",
    "null",
    "{",
    "}",
    "[",
    '"',
    ",",
    ":",
    "\\ud800",
    "\u0000",
    "é",
    "%s%n",
    "x".repeat(300),
  ],
  ...[
    '"id":1',
    '"result":"new"',
    '"error":{"code":-32603}',
    '"sdp":"v=0"',
    '"type":"answer"',
    '"__proto__":{}',
  ],
  ...[
    "\r\n",
    "\n",
    "\r\na=",
    "\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
    "\r\na=mid:x\r\n",
    "\r\nm=audio 0 RTP 0\r\n",
  ],
  "\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host",
  "\r\na=candidate:1 1 udp 99999999999 fe80::1%eth0 1 typ relay",
  `\r\na=candidate:${"f".repeat(40)} 1 UDP 1 ${"a".repeat(60)}.local 1 typ host`,
  "\r\na=fingerprint:sha-256 00",
  "\r\na=ice-ufrag:",
  "\r\na=ssrc:1 cname:x",
  ...["/", "+", "#", "/offer/", "/ice/+", "/result", "door/cam", "sb/1/d/"],
];

function mutated(random: Random, text: string): string {
  let made = text;
  for (let cuts = random.int(0, 8); cuts > 0; cuts--) {
    const at = random.int(0, made.length);
    const gone = random.chance(0.3) ? random.int(0, 60) : 0;
    made =
      made.slice(0, at) + random.pick(pieces).repeat(random.chance(0.1) ? 30 : 1) + made.slice(at + gone);
  }
  return made;
}

test("whatever an answer holds, what comes of it fits a libpeer device, or is refused", () => {
  const random = chance(1);
  let made = 0;
  for (const _ of rounds(inputs)) {
    const text = mutated(random, answer);
    const result = minimiseAnswer(text);
    if (!result.ok) continue;
    made++;
    const unsafe = unsafeIn(result.value);
    if (unsafe !== undefined) throw new Error(`${unsafe}, of ${JSON.stringify(text)}`);
  }
  expect(made).toBeGreaterThan(inputs / 10);
});

test("messages and topics of cameras are read without a throw, and what is read has its bounds", () => {
  const random = chance(2);
  const device = { user: "door", device: "cam" };
  let known = 0;
  for (const _ of rounds(inputs)) {
    const reply = parseReply(mutated(random, '{"jsonrpc":"2.0","id":7,"result":"new"}'));
    if (reply !== undefined && !Number.isSafeInteger(reply.id)) throw new Error(`id ${reply.id}`);
    const ice = mutated(random, '{"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0}');
    const candidate = parsePiCandidate(ice);
    if (candidate !== undefined && (candidate.sdpMLineIndex ?? 0) < 0) throw new Error(ice);
    parsePiDescription(mutated(random, '{"type":"answer","sdp":"v=0"}'), "answer");
    const topic = mutated(random, random.pick(["/door/cam/result", "cam/ice/x", "sb/1/d/door/cam/doorbell"]));
    for (const found of [cameraTopic(topic, device), cameraFilter(topic, device)]) {
      if (found === undefined) continue;
      known++;
      if (!["door/cam", "cam", "sb/1/d/door/cam"].includes(found.base.replace(/^\//, "")))
        throw new Error(`${topic} reaches ${found.base}`);
    }
  }
  expect(known).toBeGreaterThan(inputs / 10);
});

/** One history of two cameras and who calls them, with messages that are broken now and then. Nothing may throw, and nothing may stay. */
function history(number: number): number {
  const random = chance(number);
  const world = new SimMqtt();
  const { sim, gateway } = world;
  const people = ["ann", "ben"].map((user) =>
    sim.client(user, "web", random.chance(0.5) ? { capabilities: { refusals: true } } : {}).connect(),
  );
  const cameras = ["cam", "pi"].map((id) => world.client(`door/${id}`, { clientId: id }));
  const filters = [["/door/cam/invoke"], ["pi/offer/+", "pi/answer/+", "pi/ice/+"]];
  const subscribe = (at: number) => cameras[at]?.subscribe(...(filters[at] ?? []));
  for (const at of [0, 1]) subscribe(at);
  let accepted = 0;
  for (let step = 0; step < steps; step++) {
    const person = random.pick(people);
    const at = random.int(0, 1);
    const camera = cameras[at];
    if (camera === undefined) continue;
    const text = (whole: object) => {
      const json = JSON.stringify(whole);
      return random.chance(0.25) ? mutated(random, json) : json;
    };
    const session = [...person.pushes("accepted"), ...person.pushes("incoming")].at(-1)?.session ?? "s";
    const { generation = 1, pair = 1 } =
      person.heard.findLast((frame) => frame.generation !== undefined) ?? {};
    switch (random.int(0, 12)) {
      case 0:
      case 1:
        person.ask("call", { to: random.pick(["door/cam", "door/pi", "door"]) });
        break;
      case 2:
      case 3:
      case 4: {
        const { id = 1 } = camera.frames("/invoke").at(-1) ?? {};
        const result = random.pick(["new", "closed", "completed", offer, offer]);
        camera.publish("/door/cam/result", text({ jsonrpc: "2.0", id, result }), 0);
        break;
      }
      case 5:
      case 6: {
        const client = camera.told.at(-1)?.topic.split("/")[2] ?? "x";
        const word = random.pick(["offer", "answer", "ice"]);
        const ice = { candidate: "candidate:1 1 udp 1 192.0.2.1 1 typ host", sdpMid: "0", sdpMLineIndex: 0 };
        camera.publish(`pi/${word}/${client}`, text(word === "ice" ? ice : { type: word, sdp: offer }), 2);
        break;
      }
      case 7:
        person.ask("confirm", { session, device: random.pick(["cam", "pi"]) });
        person.ask("accept", { session });
        accepted += person.pushes("accepted").length;
        break;
      case 8: {
        const description = random.pick([
          { type: "offer", sdp: offer },
          { type: "answer", sdp: answer.replaceAll("a=candidate", "a=x") },
        ]);
        person.ask("signal", { session, pair, generation, description, endOfCandidates: random.chance(0.5) });
        break;
      }
      case 9:
        person.ask(random.pick(["hangup", "cancel", "decline"]), { session });
        break;
      case 10:
        if (camera.open) camera.drop();
        camera.again();
        if (random.chance(0.8)) subscribe(at);
        break;
      case 11:
        camera.publish(
          `sb/1/d/door/${camera.name.slice(5)}/doorbell`,
          random.pick(["ann", "ben/web", "", "a b", "door/cam"]),
        );
        break;
      default:
        sim.pass(random.pick([1, 100, 3_000, 11_000]));
    }
    sim.pass(0);
  }
  for (const camera of cameras) if (camera.open) camera.drop();
  for (const person of people) person.drop(1000);
  sim.pass(700_000);
  const { sessionsRinging, sessionsActive, devices } = sim.core.stats();
  const { calls, devices: cameraDevices } = gateway.numbers;
  expect([calls, cameraDevices, sessionsRinging, sessionsActive, devices]).toEqual([0, 0, 0, 0, 0]);
  return accepted;
}

test("whatever cameras and their callers do, in whatever order, nothing throws and nothing stays", () => {
  let accepted = 0;
  for (const number of rounds(histories, steps)) accepted += history(number);
  expect(accepted).toBeGreaterThan(0);
});
