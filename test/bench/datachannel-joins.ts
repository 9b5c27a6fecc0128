import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bindUdp } from "../../src/net/udp.ts";
import { TestPeer } from "../media/support/test-peer.ts";
import { owned, residentBytes } from "./bench-process.ts";
import { cpu } from "./media-live.ts";
import type { Figures } from "./scenarios.ts";

const now = () => performance.now();

/** The joins of viewers as of a media worker, at node-datachannel on Node: CPU and memory of its process. */
export async function datachannelJoins(count: number): Promise<Figures> {
  const program = fileURLToPath(new URL("datachannel-server.mjs", import.meta.url));
  const child = spawn("node", [program], { stdio: ["pipe", "pipe", "inherit"] });
  owned(child);
  const pid = child.pid ?? 0;
  const answers = new Map<number, (answer: string) => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { number, answer } = JSON.parse(line) as { number: number; answer: string };
    answers.get(number)?.(answer);
  });
  const sockets: { close(): void }[] = [];
  const join = async (number: number): Promise<void> => {
    let peer: TestPeer | undefined;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = await bindUdp({
      address: "127.0.0.1",
      port: 0,
      receive: (bytes) => {
        if (peer === undefined || (bytes[0] ?? 0) >= 64) return;
        peer.receive(bytes, now());
        if (peer.profile === undefined && peer.mapped.length > 0) peer.dtls.start(now());
        if (peer.profile !== undefined) resolve();
      },
    });
    sockets.push(socket);
    const asked = new Promise<string>((answered) => answers.set(number, answered));
    child.stdin.write(`${JSON.stringify({ number, offer: offerOf(number, socket.port) })}\n`);
    const answer = await asked;
    const field = (name: string) => new RegExp(`a=${name}:(.+?)\\r?\\n`).exec(answer)?.[1] ?? "";
    const port = Number(/a=candidate:\S+ 1 UDP \d+ 127\.0\.0\.1 (\d+) typ host/i.exec(answer)?.[1]);
    const target = socket.target(port, "127.0.0.1");
    const send = (bytes: Uint8Array) => void socket.sendPart(bytes, bytes.length, target);
    peer = new TestPeer(number, "server", send, { fingerprint: field("fingerprint") });
    peer.workerUfrag = field("ice-ufrag");
    peer.workerPwd = field("ice-pwd");
    const step = () => {
      if (peer?.mapped.length === 0) peer.send(peer.check());
      else peer?.dtls.start(now());
      peer?.dtls.tick(now());
    };
    step();
    const steps = setInterval(step, 50);
    const patience = setTimeout(() => reject(new Error("node-datachannel doesn't answer")), 20_000);
    await promise.finally(() => {
      clearInterval(steps);
      clearTimeout(patience);
    });
  };
  const many = async (from: number, to: number) => {
    let next = from;
    const lane = async () => {
      while (next < to) await join(next++);
    };
    await Promise.all(Array.from({ length: 8 }, lane));
  };
  await many(0, 50);
  await Bun.sleep(1_000);
  const before = { cpu: cpu(pid), memory: residentBytes(pid), at: now() };
  await many(1_000, 1_000 + count);
  const seconds = (now() - before.at) / 1_000;
  const used = cpu(pid) - before.cpu;
  await Bun.sleep(1_000);
  const memory = (residentBytes(pid) - before.memory) / count;
  for (const socket of sockets) socket.close();
  child.kill("SIGKILL");
  return { joins: count / seconds, cpu: used / count, memory };
}

/** What a browser that views would offer, as far as node-datachannel reads it. */
function offerOf(number: number, port: number): string {
  const { remoteUfrag, remotePwd, fingerprints } = new TestPeer(number, "server", () => {}).parameters();
  const media = (kind: string, mid: number, type: number, codec: string) => [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${type}`,
    "c=IN IP4 127.0.0.1",
    `a=mid:${mid}`,
    "a=recvonly",
    "a=rtcp-mux",
    `a=rtpmap:${type} ${codec}`,
    "a=setup:active",
    `a=ice-ufrag:${remoteUfrag}`,
    `a=ice-pwd:${remotePwd}`,
    `a=fingerprint:${fingerprints[0]}`,
    `a=candidate:1 1 UDP 2130706431 127.0.0.1 ${port} typ host`,
    "a=end-of-candidates",
  ];
  const lines = [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    ...media("audio", 0, 111, "opus/48000/2"),
    ...media("video", 1, 96, "VP8/90000"),
  ];
  return `${lines.join("\r\n")}\r\n`;
}
