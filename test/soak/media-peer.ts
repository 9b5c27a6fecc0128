import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FrameReader, frame } from "../../src/media/transport/ice-tcp.ts";
import { bindUdp } from "../../src/net/udp.ts";
import { readU16, readU32 } from "../../src/wire/bytes.ts";
import { parseRtcp } from "../../src/wire/rtp/rtcp.ts";
import { MediaSource, shape, soundSsrc } from "../bench/media-source.ts";
import { TestPeer } from "../media/support/test-peer.ts";

const now = () => performance.now();
/** Between steps of a handshake, between checks of a path, and without a packet until the way counts as lost. ms */
const [stepEvery, checkEvery, lostAfter] = [20, 2_000, 1_500];
/** Until a client asks again, at first and at most. ms */
const [firstPause, longestPause] = [100, 1_000];
const [ownFingerprint = ""] = new TestPeer(0, "server", () => {}).parameters().fingerprints;
let peers = 0;

/** A way to a worker. */
interface Way {
  send(bytes: Uint8Array): void;
  close(): void;
  /** Reads nothing more, where that is possible. */
  pause?(): void;
}

/** A client of WHIP or WHEP without a decoder: HTTP, ICE, DTLS and SRTP on a socket of its own. */
export class MediaPeer {
  readonly #url: string;
  readonly #role: "publish" | "view";
  readonly #protocol: "udp" | "tcp";
  #peer: TestPeer | undefined;
  #way: Way | undefined;
  #session: string | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #checkedAt = 0;
  #startedAt = 0;
  #sentSince = -1;
  #frames = 0;
  #sounds = 0;
  #closed = false;
  /** What a publisher sends. */
  readonly source = new MediaSource();
  /** Of a viewer: pictures whose last packet came since it was made, the SSRC of its video and its newest sequence number. */
  pictures = 0;
  videoSsrc = 0;
  newest = 0;
  /** Of the worker. */
  port = 0;
  /** Packets of video since the session began, and when the newest packet came. */
  videoPackets = 0;
  heardAt = 0;
  /** Answers that were no 201. */
  refusals = 0;

  constructor(server: string, stream: string, role: "publish" | "view", protocol: "udp" | "tcp" = "udp") {
    this.#url = `${server}/${role === "publish" ? "whip" : "whep"}/${stream}`;
    this.#role = role;
    this.#protocol = protocol;
  }

  /** Pictures of each layer that a publisher has sent since it came up. */
  get sent(): number {
    return this.#frames;
  }

  /** The far end of its transport. Throws where there is none. */
  get peer(): TestPeer {
    if (this.#peer === undefined) throw new Error(`${this.#url} is not open`);
    return this.#peer;
  }

  /** Reads nothing more of a connection. */
  pause(): void {
    this.#way?.pause?.();
  }

  /** Media comes, or goes out. */
  get works(): boolean {
    if (this.#peer?.profile === undefined || this.#peer.closed !== undefined) return false;
    return this.#role === "publish" || (this.videoPackets > 0 && now() - this.heardAt < lostAfter);
  }

  /** Resolves once media flows; asks again as often as it takes. Rejects after `patience` ms. */
  async open(patience: number): Promise<void> {
    const end = now() + patience;
    for (let pause = firstPause; !this.#closed; pause = Math.min(longestPause, 2 * pause)) {
      if (await this.#ask().catch(() => false)) {
        const until = Math.min(end, now() + 5_000);
        while (!this.works && now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
        if (this.works) return;
      }
      this.#leave();
      if (now() > end) throw new Error(`${this.#url} is not reached within ${patience} ms`);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Comes back whenever media stops, until it is closed. */
  async stay(): Promise<void> {
    while (!this.#closed) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { closed } = this.#peer ?? {};
      const silent = now() - Math.max(this.heardAt, this.#startedAt) > lostAfter;
      if (!this.#closed && (closed !== undefined || silent)) {
        this.#leave();
        await this.open(120_000).catch(() => {});
      }
    }
  }

  /** Ends the session as WHIP and WHEP do. Resolves with the status. */
  async close(): Promise<number> {
    this.#closed = true;
    const session = this.#session;
    this.#leave();
    if (session === undefined) return 0;
    const { status } = await fetch(session, { method: "DELETE" }).catch(() => ({ status: 0 }));
    return status;
  }

  #leave(): void {
    clearInterval(this.#timer);
    this.#way?.close();
    this.#way = undefined;
    this.#peer = undefined;
    this.#session = undefined;
    this.videoPackets = 0;
  }

  async #ask(): Promise<boolean> {
    peers += 1;
    const number = peers;
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", Authorization: `Bearer dev:user${number}` },
      body: offerOf(this.#role, `peer${number}`, `peer-password-${number}-0123456789`),
    });
    const answer = await response.text();
    if (response.status !== 201) {
      this.refusals += 1;
      return false;
    }
    this.#session = new URL(response.headers.get("Location") ?? "", this.#url).href;
    const value = (pattern: RegExp): string => pattern.exec(answer)?.[1] ?? "";
    this.port = Number(value(/a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+)/));
    const receive = (bytes: Uint8Array): void => this.#receive(bytes);
    const way = await (this.#protocol === "udp" ? byUdp : byTcp)(this.port, receive);
    const peer = new TestPeer(number, "server", way.send, { fingerprint: value(/a=fingerprint:(.*?)\r/) });
    peer.workerUfrag = value(/a=ice-ufrag:(.*?)\r/);
    peer.workerPwd = value(/a=ice-pwd:(.*?)\r/);
    this.#peer = peer;
    this.#way = way;
    this.#checkedAt = 0;
    this.#startedAt = now();
    this.#sentSince = -1;
    this.#step();
    this.#timer = setInterval(() => this.#step(), stepEvery);
    return true;
  }

  #step(): void {
    const peer = this.#peer;
    if (peer === undefined || peer.closed !== undefined) return;
    const at = now();
    if (peer.mapped.length === 0 || at - this.#checkedAt > checkEvery) {
      this.#checkedAt = at;
      peer.send(peer.check());
    }
    if (peer.profile === undefined && peer.mapped.length > 0) peer.dtls.start(at);
    peer.dtls.tick(at);
    if (peer.profile !== undefined && this.#role === "publish") this.#send(peer, at);
  }

  /** Two layers and sound, as far as they are due. */
  #send(peer: TestPeer, at: number): void {
    if (this.#sentSince < 0) {
      this.#sentSince = at;
      this.#frames = 0;
      this.#sounds = 0;
      for (const ssrc of [1_001, 1_002]) this.source.keyframe(ssrc);
    }
    for (const compound of peer.rtcp.splice(0))
      for (const packet of parseRtcp(compound) ?? [])
        if (packet.type === "pli") this.source.keyframe(packet.media);
    const passed = at - this.#sentSince;
    for (; (this.#sounds * 1_000) / shape.sounds < passed; this.#sounds++)
      peer.send(peer.sealed(this.source.sound(passed)));
    for (; (this.#frames * 1_000) / shape.frames < passed; this.#frames++) {
      for (const packet of this.source.frame("low", 1, 300, passed)) peer.send(peer.sealed(packet));
      for (const packet of this.source.frame("high", 2, 700, passed)) peer.send(peer.sealed(packet));
    }
  }

  #receive(bytes: Uint8Array): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    const first = bytes[0] ?? 0;
    if (first < 64) {
      const answered = peer.mapped.length > 0;
      peer.receive(bytes, now());
      if (!answered && peer.mapped.length > 0) peer.dtls.start(now());
      return;
    }
    this.heardAt = now();
    if (((bytes[1] ?? 0) & 0x7f) === 96) {
      this.videoPackets += 1;
      this.videoSsrc = readU32(bytes, 8);
      this.newest = readU16(bytes, 2);
      if ((bytes[1] ?? 0) >= 0x80) this.pictures += 1;
    } else if (this.#role === "publish") peer.receive(bytes, now());
  }
}

async function byUdp(port: number, receive: (bytes: Uint8Array) => void): Promise<Way> {
  const socket = await bindUdp({ address: "127.0.0.1", port: 0, receive });
  const target = socket.target(port, "127.0.0.1");
  return {
    send: (bytes) => void socket.sendPart(bytes, bytes.length, target),
    close: () => socket.close(),
  };
}

async function byTcp(port: number, receive: (bytes: Uint8Array) => void): Promise<Way> {
  const socket: Socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const reader = new FrameReader();
  const take = (bytes: Uint8Array): boolean => {
    receive(bytes);
    return true;
  };
  socket.on("data", (chunk: Uint8Array) => void reader.push(new Uint8Array(chunk), take));
  socket.on("error", () => {});
  return {
    send: (bytes) => void socket.write(frame(bytes, bytes.length)),
    close: () => socket.destroy(),
    pause: () => void socket.pause(),
  };
}

/** An offer of VP8 and Opus, as such a client makes it. */
export function offerOf(role: "publish" | "view", ufrag: string, pwd: string): string {
  const direction = role === "publish" ? "sendonly" : "recvonly";
  const transport = [
    "c=IN IP4 0.0.0.0",
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    `a=fingerprint:${ownFingerprint}`,
    "a=setup:actpass",
    `a=${direction}`,
    "a=rtcp-mux",
  ];
  const sent = role === "publish";
  const lines = [
    ...["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"],
    ...["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", ...transport, "a=rtpmap:111 opus/48000/2"],
    ...(sent ? [`a=ssrc:${soundSsrc} cname:x`] : []),
    ...["m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=mid:1", ...transport, "a=rtpmap:96 VP8/90000"],
    ...["a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96"],
    ...(sent
      ? [
          "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
          "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
          ...["a=rid:l send", "a=rid:h send", "a=simulcast:send l;h"],
        ]
      : []),
  ];
  return `${lines.join("\r\n")}\r\n`;
}
