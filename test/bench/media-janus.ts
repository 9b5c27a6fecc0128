// Debian's Janus under the load that a media worker of ours is put under: its streaming plugin, tuned, takes LiveKit's shape by plain RTP, and
// its viewers are our own ICE and DTLS. It takes no loopback address, so this runs in a network namespace: bun test/bench/media-janus.ts
// '{"viewers":150,"seconds":5,"address":"10.77.0.1"}'
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bindUdp } from "../../src/net/udp.ts";
import { TestPeer } from "../media/support/test-peer.ts";
import { owned, residentBytes } from "./bench-process.ts";
import { cpu } from "./media-live.ts";
import { MediaSource, shape } from "./media-source.ts";

interface JanusJob {
  readonly viewers: number;
  readonly seconds: number;
  /** Of this network. */
  readonly address: string;
}

const job = JSON.parse(process.argv[2] ?? "{}") as JanusJob;
const now = () => performance.now();
/** Of this namespace, where nobody else has a port. */
const ports = { http: 8_088, audio: 5_002, video: 5_004 } as const;
const api = `http://127.0.0.1:${ports.http}/janus`;

/** One event loop for each core, one thread for the mount point, and nothing that isn't needed. */
function configuration(): Record<string, string> {
  const plugins =
    "audiobridge duktape lua echotest nosip recordplay sip textroom videocall voicemail videoroom";
  const transports = "websockets mqtt nanomsg rabbitmq pfunix";
  const without = (names: string) =>
    names
      .split(" ")
      .map((name) => `libjanus_${name}.so`)
      .join(",");
  return {
    "janus.jcfg": `general: { debug_level = 2 interface = "${job.address}" event_loops = 2 }
media: { rtp_port_range = "20000-24999" dtls_mtu = 1200 }
nat: { ice_lite = true full_trickle = false ice_enforce_list = "${job.address}" }
plugins: { disable = "${without(plugins)}" }
transports: { disable = "${without(transports)}" }
events: { broadcast = false }
`,
    "janus.plugin.streaming.jcfg": `bench: { type = "rtp" id = 1 description = "bench" audio = true video = true audioport = ${ports.audio} audiopt = 111 audiocodec = "opus" videoport = ${ports.video} videopt = 96 videocodec = "vp8" secret = "x" threads = 1 }
`,
    "janus.transport.http.jcfg": `general: { json = "compact" base_path = "/janus" http = true port = ${ports.http} ip = "127.0.0.1" https = false }
admin: { admin_http = false }
`,
  };
}

interface Answer {
  readonly janus: string;
  readonly data?: { readonly id: number };
  readonly jsep?: { readonly sdp: string };
}

let transactions = 0;

async function ask(path: string, body: object): Promise<Answer> {
  const text = JSON.stringify({ transaction: `t${++transactions}`, ...body });
  return (await (await fetch(api + path, { method: "POST", body: text })).json()) as Answer;
}

/** Whatever comes to a viewer is counted; the first opens it too. */
let packets = 0;
const peers: TestPeer[] = [];

async function view(number: number): Promise<void> {
  const session = (await ask("", { janus: "create" })).data?.id;
  const plugin = { janus: "attach", plugin: "janus.plugin.streaming" };
  const handle = (await ask(`/${session}`, plugin)).data?.id;
  const path = `/${session}/${handle}`;
  await ask(path, { janus: "message", body: { request: "watch", id: 1 } });
  let offer: string | undefined;
  for (let tries = 0; offer === undefined && tries < 20; tries++) {
    const event = (await (await fetch(`${api}/${session}?maxev=1`)).json()) as Answer;
    offer = event.jsep?.sdp;
  }
  if (offer === undefined) throw new Error("Janus makes no offer");
  const field = (name: string) => new RegExp(`a=${name}:(.+?)\r?\n`).exec(offer)?.[1] ?? "";
  const [, host = "", port = ""] = /a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/i.exec(offer) ?? [];
  let peer: TestPeer | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = await bindUdp({
    address: job.address,
    port: 0,
    receive: (bytes) => {
      if ((bytes[0] ?? 0) >= 64) packets++;
      if (peer === undefined || ((bytes[0] ?? 0) >= 64 && number > 0)) return;
      peer.receive(bytes, now());
      if (peer.profile === undefined && peer.mapped.length > 0) peer.dtls.start(now());
      if (peer.profile !== undefined) resolve();
    },
  });
  const target = socket.target(Number(port), host);
  const send = (bytes: Uint8Array) => void socket.sendPart(bytes, bytes.length, target);
  peer = new TestPeer(number, "server", send, { fingerprint: field("fingerprint") });
  peer.workerUfrag = field("ice-ufrag");
  peer.workerPwd = field("ice-pwd");
  peers.push(peer);
  await ask(path, {
    janus: "message",
    body: { request: "start" },
    jsep: { type: "answer", sdp: answerTo(offer, peer, socket.port) },
  });
  const step = () => {
    if (peer?.mapped.length === 0) peer.send(peer.check());
    else peer?.dtls.start(now());
    peer?.dtls.tick(now());
  };
  step();
  const steps = setInterval(step, 50);
  const patience = setTimeout(() => reject(new Error("a viewer of Janus isn't connected")), 20_000);
  await promise.finally(() => {
    clearInterval(steps);
    clearTimeout(patience);
  });
  // As browsers do: Janus takes a session of which it hears nothing for gone.
  setInterval(() => peer?.send(peer.check()), 2_500);
  setInterval(() => void ask(`/${session}`, { janus: "keepalive" }), 25_000);
}

function answerTo(offer: string, peer: TestPeer, port: number): string {
  const { remoteUfrag, remotePwd, fingerprints } = peer.parameters();
  const media = offer.split(/\r?\n(?=m=)/).slice(1);
  const mid = (part: string) => /a=mid:(\S+)/.exec(part)?.[1] ?? "";
  const parts = media.flatMap((part) => {
    const [, kind = "", type = ""] = /^m=(\w+) \d+ \S+ (\d+)/.exec(part) ?? [];
    return [
      `m=${kind} 9 UDP/TLS/RTP/SAVPF ${type}`,
      "c=IN IP4 127.0.0.1",
      `a=mid:${mid(part)}`,
      "a=recvonly",
      "a=rtcp-mux",
      new RegExp(`a=rtpmap:${type} .*`).exec(part)?.[0] ?? "",
      "a=setup:active",
      `a=ice-ufrag:${remoteUfrag}`,
      `a=ice-pwd:${remotePwd}`,
      `a=fingerprint:${fingerprints[0]}`,
      `a=candidate:1 1 udp 2130706431 ${job.address} ${port} typ host`,
      "a=end-of-candidates",
    ];
  });
  const head = [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    `a=group:BUNDLE ${media.map(mid).join(" ")}`,
  ];
  return `${[...head, ...parts].map((line) => line.trim()).join("\r\n")}\r\n`;
}

/** Sends the shape by plain RTP. */
async function publish(): Promise<void> {
  const socket = await bindUdp({ address: "127.0.0.1", port: 0, receive: () => {} });
  const source = new MediaSource();
  let [frames, sounds] = [0, 0];
  const began = now();
  setInterval(() => {
    const passed = now() - began;
    for (; (sounds * 1_000) / shape.sounds < passed; sounds++)
      socket.send(source.sound(passed).packet, ports.audio, "127.0.0.1");
    for (; (frames * 1_000) / shape.frames < passed; frames++)
      for (const { packet } of source.frame("high", frames % 2 === 0 ? 4 : 5, shape.videoBytes, passed))
        socket.send(packet, ports.video, "127.0.0.1");
  }, 5);
}

const folder = mkdtempSync(join(tmpdir(), "switchboard-janus-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const [name, text] of Object.entries(configuration())) writeFileSync(join(folder, name), text);
const janus = spawn("janus", ["-F", folder], { stdio: "ignore" });
owned(janus);
const pid = janus.pid ?? 0;
for (let tries = 0; tries < 100; tries++) {
  const answered = await fetch(`${api}/info`).then(
    ({ ok }) => ok,
    () => false,
  );
  if (answered) break;
  await Bun.sleep(100);
}

const warmUp = Math.min(20, Math.floor(job.viewers / 2));
let next = 0;
const joinUntil = async (end: number) => {
  const lane = async () => {
    while (next < end) await view(next++);
  };
  await Promise.all(Array.from({ length: 4 }, lane));
};
await joinUntil(warmUp);
const joining = { cpu: cpu(pid), memory: residentBytes(pid), at: now() };
await joinUntil(job.viewers);
const joined = job.viewers - warmUp;
const joins = joined / ((now() - joining.at) / 1_000);
const joinCpu = (cpu(pid) - joining.cpu) / joined;
await publish();
await Bun.sleep(2_000);
const memory = (residentBytes(pid) - joining.memory) / joined;
const before = { cpu: cpu(pid), packets, at: now() };
await Bun.sleep(job.seconds * 1_000);
const passed = (now() - before.at) / 1_000;
const [used, sent] = [cpu(pid) - before.cpu, packets - before.packets];
const share = used / 1e6 / passed;
console.log(
  JSON.stringify({
    cpu: used / sent,
    share,
    viewers: (job.viewers * 0.75) / share,
    packetsPerViewer: sent / passed / job.viewers,
    opened: peers[0]?.rtp.length ?? 0,
    joins,
    joinCpu,
    memory,
  }),
);
process.exit(0);
