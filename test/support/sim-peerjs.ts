import { PeerjsAgent } from "../../src/gateways/peerjs/agent.ts";
import type { Flow, PeerjsContext } from "../../src/gateways/peerjs/peerjs-context.ts";
import {
  defaultPeerjsLimits,
  type PeerjsLimits,
  type PeerjsSettings,
} from "../../src/gateways/peerjs/settings.ts";
import type { Limits } from "../../src/protocol/limits.ts";
import type { SimCluster } from "./sim-cluster.ts";
import type { AnyFrame } from "./sim-core.ts";
import { SimCore } from "./sim-core.ts";

const grants = { call: ["*"], send: ["*"], watch: ["*"] };

/** A core, or a node of a cluster, with the PeerJS gateway's pure part, under one simulated clock. */
export class SimPeerjs {
  readonly sim: SimCore;
  readonly agent: PeerjsAgent;

  constructor(
    limits: Partial<PeerjsLimits> = {},
    settings: Partial<PeerjsSettings> &
      Pick<PeerjsContext, "ownersElsewhere"> & { readonly dev?: boolean } = {},
    at: { readonly cluster: SimCluster; readonly node: string } | Partial<Limits> = {},
  ) {
    this.sim = isNode(at) ? at.cluster.node(at.node) : new SimCore(at);
    const core = this.sim.core.gateway({ name: "peerjs", asksOffers: true });
    const { dev = true, ownersElsewhere, ...others } = settings;
    this.agent = new PeerjsAgent(
      {
        core,
        settings: {
          enabled: true,
          keys: ["peerjs", "guests"],
          guestKeys: ["guests"],
          guestPrefix: "guest-",
          guestGrants: [],
          discovery: false,
          limits: { ...defaultPeerjsLimits, ...limits },
          ...others,
        },
        ownersElsewhere,
        after: (ms, now, due) => core.deadlines.add(now + ms, due),
      },
      {
        dev,
        guestGrants: grants,
        identify: (login, now) => {
          const [user = "", device] = login.split("/");
          return {
            identity: {
              user,
              ...(device === undefined ? {} : { device }),
              grants,
              expires: now + 86_400_000,
              issuedAt: now,
              undated: true,
            },
            matches: (secret) => secret === `secret-of-${login.replace("/", "-")}`,
          };
        },
      },
    );
  }

  client(id: string, more: { readonly token?: string; readonly key?: string } = {}): SimPeer {
    return new SimPeer(this, id, more);
  }
}

function isNode(at: object): at is { readonly cluster: SimCluster; readonly node: string } {
  return "cluster" in at;
}

/** A client that says what a test wants, over a socket that keeps what was sent to it. */
export class SimPeer implements Flow {
  readonly address = "127.0.0.1";
  readonly id: string;
  readonly heard: AnyFrame[] = [];
  readonly #world: SimPeerjs;
  open = true;
  why: string | undefined;

  constructor(
    world: SimPeerjs,
    id: string,
    { token = `token of ${id}`, key = "peerjs" }: { token?: string; key?: string },
  ) {
    this.#world = world;
    this.id = id;
    const { sim, agent } = world;
    agent.opened(this, { id, token, key }, sim.now);
    sim.pass(0);
  }

  send(text: string): void {
    this.heard.push(JSON.parse(text));
  }

  close(reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.why = reason;
    this.#world.agent.closed(this, this.#world.sim.now);
  }

  /** The client closes its socket, or loses it. */
  drop(): void {
    this.close("dropped");
    this.#world.sim.pass(0);
  }

  raw(text: string): void {
    const { sim, agent } = this.#world;
    agent.received(text, this, sim.now);
    sim.pass(0);
  }

  say(type: string, fields: object = {}): void {
    this.raw(JSON.stringify({ type, ...fields }));
  }

  offer(dst: string, connectionId: string, more: object = {}): void {
    const payload = { type: "media", connectionId, sdp: { type: "offer", sdp: offerSdp }, ...more };
    this.say("OFFER", { dst, payload });
  }

  answer(dst: string, connectionId: string): void {
    this.say("ANSWER", {
      dst,
      payload: { type: "media", connectionId, sdp: { type: "answer", sdp: answerSdp } },
    });
  }

  candidate(dst: string, connectionId: string, n = 1): void {
    const candidate = {
      candidate: `candidate:${n} 1 udp 1 192.0.2.1 ${5_000 + n} typ host`,
      sdpMid: "0",
      sdpMLineIndex: 0,
    };
    this.say("CANDIDATE", { dst, payload: { type: "media", connectionId, candidate } });
  }

  of(type: string): AnyFrame[] {
    return this.heard.filter((frame) => frame.type === type);
  }

  last(type: string): AnyFrame {
    return this.of(type).at(-1);
  }
}

const session = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n";
const ice = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";
const sections = (setup: string) =>
  `m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n${ice}a=setup:${setup}\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n${ice}a=setup:${setup}\r\na=sctp-port:5000\r\n`;
export const offerSdp = `${session}${sections("actpass")}`;
export const answerSdp = `${session}${sections("active")}`;
