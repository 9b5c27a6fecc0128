// A device of libpeer, as its sources have it: MQTT 3.1.1 over TLS, JSON-RPC on PATH/invoke and PATH/result, offers only, H.264 and PCMA. Its
// media goes by libdatachannel. What would overrun the memory of the real device ends this one with exit code 3.
//   node libpeer-device.mjs URL TOKEN COLOR TONE
// It prints a line of JSON for what happens, and takes lines: `state NAME`, to be in another state; `close`, to end its call; `silent`, to answer nothing any more;
// `publish WORD TEXT`, as a button beside it would.
import { createInterface } from "node:readline";
import mqtt from "mqtt";
import ndc from "node-datachannel";
import { encodeAlaw, frequencyOf } from "./alaw.mjs";
import { payloads, picture } from "./solid-h264.mjs";

const [url = "", token = "", color = "red", tone = "0"] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));

/** The sizes of the device's memory: config.h, agent.h, ice.h, address.h, peer_connection.c. */
const memory = {
  ...{
    mqttPacket: 4_096,
    sdpLine: 255,
    candidates: 10,
    address: 45,
    foundation: 32,
    transport: 32,
    type: 15,
  },
  ...{ ufrag: 256, pwd: 256, topic: 199, clientId: 31 },
};

function overrun(what) {
  tell({ event: "overrun", what });
  process.exit(3);
}
const within = (value, bound, what) => Buffer.byteLength(value) <= bound || overrun(`${what}: ${value}`);

const states = { free: ["new", "disconnected", "failed", "closed"] };
let state = "new";
let silent = false;
let peer;
function become(next) {
  if (next === state) return;
  state = next;
  tell({ event: "state", state });
}

// Signaling

const { hostname, port, pathname } = new URL(url.replace(/^mqtts:/, "https:"));
const login = Buffer.from(token, "base64").toString();
const colon = login.indexOf(":");
const clientId = pathname.slice(pathname.lastIndexOf("/") + 1);
const [subtopic, pubtopic] = [`${pathname}/invoke`, `${pathname}/result`];
within(subtopic, memory.topic, "topic");
const client = mqtt.connect(`mqtts://${hostname}:${port}`, {
  protocolVersion: 4,
  clientId: clientId.slice(0, memory.clientId),
  clean: false,
  keepalive: 60,
  username: login.slice(0, colon),
  password: login.slice(colon + 1),
  // It verifies no certificate, and connects once.
  rejectUnauthorized: false,
  reconnectPeriod: 0,
});
client.on("error", (error) => {
  tell({ event: "refused", code: error.code });
  process.exit(2);
});
client.on("close", () => tell({ event: "disconnected" }));
client.on("connect", () =>
  client.subscribe(subtopic, { qos: 0 }, (error, granted) =>
    tell({ event: "subscribed", ok: error === null && granted?.[0]?.qos === 0 }),
  ),
);
client.on("packetreceive", (packet) => {
  if (packet.cmd === "publish" && packet.length + 5 > memory.mqttPacket)
    overrun(`a packet of ${packet.length} bytes`);
});
const reply = (id, fields) =>
  client.publish(pubtopic, JSON.stringify({ jsonrpc: "2.0", id, ...fields }), { qos: 0 });
client.on("message", (_, payload) => {
  if (silent) return;
  let request;
  try {
    request = JSON.parse(String(payload));
  } catch {
    reply(-1, { error: { code: -32_700, message: "Parse error" } });
    return;
  }
  const { id, method, params } = request;
  tell({ event: "invoke", method });
  if (!Number.isInteger(id) || id <= 0 || id > 0x7f_ff_ff_ff)
    overrun(`the id ${id}: it would post its offer by HTTP`);
  if (method === "state") reply(id, { result: state });
  else if (method === "close") {
    close();
    reply(id, { result: "" });
  } else if (method === "answer") takeAnswer(params);
  else if (method !== "offer") reply(id, { error: { code: -32_601, message: "Method not found" } });
  else if (!states.free.includes(state)) reply(id, { error: { code: -32_603, message: "Internal error" } });
  else void makeOffer().then((sdp) => reply(id, { result: sdp }));
});

// Media

let tracks;
const ssrcs = { video: 1, audio: 4 };
const remote = { video: 0, audio: 0 };

async function makeOffer() {
  peer?.close();
  const made = new ndc.PeerConnection("camera", { iceServers: [], forceMediaTransport: true });
  peer = made;
  const gathered = new Promise((resolve) =>
    made.onGatheringStateChange((gathering) => gathering === "complete" && resolve()),
  );
  made.onStateChange((next) => {
    if (peer !== made || state === "closed") return;
    if (next === "connected") become("completed");
    if (next === "failed" || next === "disconnected" || next === "closed")
      become(next === "failed" ? "failed" : "closed");
  });
  const video = new ndc.Video("video", "SendRecv");
  video.addH264Codec(96);
  video.addSSRC(ssrcs.video, "webrtc-h264", "iot", "video");
  const audio = new ndc.Audio("audio", "SendRecv");
  audio.addAudioCodec(8, "PCMA");
  audio.addSSRC(ssrcs.audio, "webrtc-pcma", "iot", "audio");
  tracks = { video: made.addTrack(video), audio: made.addTrack(audio) };
  for (const kind of ["video", "audio"]) tracks[kind].onMessage((packet) => received(kind, packet));
  made.setLocalDescription("offer");
  await gathered;
  const local = made.localDescription()?.sdp ?? "";
  const value = (name) => new RegExp(`^a=${name}:(.*?)\\r?$`, "m").exec(local)?.[1] ?? "";
  const candidates = [...new Set(local.match(/^a=candidate:.*$/gm) ?? [])]
    .map((line) => line.trim())
    .filter((line) => / UDP /i.test(line) && !/ [0-9a-f]*:[0-9a-f:]* \d+ typ/i.test(line))
    .slice(0, memory.candidates);
  // sdp.c writes these lines, and no others.
  const lines = [
    ...["v=0", "o=- 1495799811084970 1495799811084970 IN IP4 0.0.0.0", "s=-", "t=0 0"],
    ...["a=msid-semantic: iot", "a=group:BUNDLE video audio"],
    ...[`a=ice-ufrag:${value("ice-ufrag")}`, `a=ice-pwd:${value("ice-pwd")}`],
    ...[`a=fingerprint:sha-256 ${value("fingerprint").split(" ")[1]}`, "a=setup:passive"],
    ...["m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli"],
    ...["a=fmtp:96 profile-level-id=42e01f;level-asymmetry-allowed=1", "a=rtpmap:96 H264/90000"],
    ...["a=ssrc:1 cname:webrtc-h264", "a=sendrecv", "a=mid:video", "a=rtcp-mux"],
    ...["m=audio 9 UDP/TLS/RTP/SAVP 8", "c=IN IP4 0.0.0.0", "a=rtpmap:8 PCMA/8000"],
    ...["a=ssrc:4 cname:webrtc-pcma", "a=sendrecv", "a=mid:audio", "a=rtcp-mux"],
    ...candidates,
  ];
  return `${lines.join("\r\n")}\r\n`;
}

/** peer_connection_set_remote_description and agent_set_remote_description, with the bounds that they do not check. */
function takeAnswer(sdp) {
  let kind;
  let candidates = 0;
  const foundations = new Set();
  // What follows the last CRLF is not read.
  for (const line of sdp.split("\r\n").slice(0, -1)) {
    within(line, memory.sdpLine, "a line");
    if (line.startsWith("m=video")) kind = "video";
    if (line.startsWith("m=audio")) kind = "audio";
    if (line.startsWith("a=ssrc:") && kind !== undefined) remote[kind] = Number.parseInt(line.slice(7), 10);
    if (line.startsWith("a=ice-ufrag:")) within(line.slice(12), memory.ufrag, "ufrag");
    if (line.startsWith("a=ice-pwd:")) within(line.slice(10), memory.pwd, "pwd");
    if (
      line.startsWith("a=fingerprint") &&
      !/^a=fingerprint:sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(line)
    )
      overrun(`the fingerprint is not at column 22: ${line}`);
    if (line.startsWith("a=candidate:")) {
      // It is written into the array before it is looked at.
      if (candidates >= memory.candidates) overrun("an eleventh candidate");
      const [foundation = "", , transport = "", , address = "", , , type = ""] = line.slice(12).split(" ");
      within(foundation, memory.foundation, "foundation");
      within(transport, memory.transport, "transport");
      within(address, memory.address, "address");
      within(type, memory.type, "type");
      if (/^udp/i.test(transport) && !foundations.has(foundation)) {
        foundations.add(foundation);
        candidates++;
      }
    }
  }
  tell({ event: "answer", bytes: Buffer.byteLength(sdp), candidates });
  if (peer === undefined || !states.free.includes(state)) return;
  become("checking");
  peer.setRemoteDescription(sdp, "answer");
}

function close() {
  const last = peer;
  peer = undefined;
  become("closed");
  last?.close();
}

const sequence = { video: 0, audio: 0 };
const clock = { video: 0, audio: 0 };
function send(kind, payload, type, marker) {
  const track = tracks?.[kind];
  if (state !== "completed" || !track?.isOpen()) return;
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = type | (marker ? 0x80 : 0);
  header.writeUInt16BE(sequence[kind]++ & 0xffff, 2);
  header.writeUInt32BE(clock[kind] >>> 0, 4);
  header.writeUInt32BE(ssrcs[kind], 8);
  track.sendMessageBinary(Buffer.concat([header, payload]));
}

let pictures = 0;
setInterval(() => {
  const all = payloads(picture(color, pictures++));
  for (const [at, payload] of all.entries()) send("video", payload, 96, at === all.length - 1);
  clock.video += 9_000;
}, 100);

let samples = 0;
setInterval(() => {
  const sound = Buffer.from(
    Array.from({ length: 160 }, () =>
      encodeAlaw(0.5 * Math.sin((2 * Math.PI * Number(tone) * samples++) / 8_000)),
    ),
  );
  send("audio", sound, 8, false);
  clock.audio += 160;
}, 20);

/** What was heard in the last second, of the source that the answer named. */
let heard = [];
function received(kind, packet) {
  if (packet.length < 12 || (packet[1] >= 192 && packet[1] < 224)) return;
  if (packet.readUInt32BE(8) !== remote[kind] || kind !== "audio" || (packet[1] & 0x7f) !== 8) return;
  heard.push(...packet.subarray(12));
  if (heard.length < 8_000) return;
  tell({ event: "heard", tone: frequencyOf(heard) });
  heard = [];
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const [word, value, text] = line.split(" ");
  if (word === "publish") client.publish(`${pathname}/${value}`, text, { qos: 0 });
  if (word === "state") become(value);
  if (word === "close") close();
  if (word === "silent") silent = true;
});
process.stdin.on("end", () => process.exit(0));
