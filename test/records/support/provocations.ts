import wrtc from "@roamhq/wrtc";
import { signToken } from "../../../src/auth/sign-token.ts";
import type { Call, Client, ConnectOptions, IncomingCall } from "../../../src/client/index.ts";
import { api } from "../../api/support.ts";
import { type RawDevice, rawDevice } from "../../browser/support/raw-device.ts";
import type { RunningServer } from "../../support/server.ts";
import { device, microphone, until } from "../../webrtc/support/parties.ts";

/** A fault that is made for real, and what the diagnosis has to say of it. */
export interface Provocation {
  readonly code: string;
  /** Absent where it depends on whether ICE has given up by the time that the call is hung up. */
  readonly certainty?: "certain" | "likely";
  /** It stands beside the cause: the call as such went on or ended well. */
  readonly beside?: true;
  /** The server that it needs is not the one of the others. */
  readonly settings?: object;
  /** Makes the call, and resolves when it is over. */
  provoke(stage: Stage): Promise<void>;
}

/** Settings of the server that the provocations need. Its TURN server denies this machine's own addresses, as it does by default. */
export const provokedSettings = {
  limits: {
    unreachableAfter: 300,
    confirmTimeout: 1_000,
    resumeWindow: 1_000,
    detachedTimeout: 1_000,
    ringsPerPair: 1,
  },
  turn: { embedded: true, udpPort: 0, tcpPort: 0 },
};

const tokenSecret = "0123456789abcdef0123456789abcdef";
const audience = { issuer: "switchboard", audience: "switchboard" } as const;

/** The two ends of one call, alice and bob, under names that no other call has. */
export class Stage {
  readonly server: RunningServer;
  readonly alice: string;
  readonly bob: string;

  constructor(server: RunningServer, n: number) {
    this.server = server;
    this.alice = `alice-${n}`;
    this.bob = `bob-${n}`;
  }

  /** A device with libwebrtc. `change`: what is different about its connections. */
  async device(user: string, id = "laptop", change: Partial<ConnectOptions["rtc"]> = {}): Promise<Client> {
    const made = device(this.server.url, user, id, { rtc: { ...wrtc, ...change } as never });
    await made.ready;
    return made;
  }

  raw(user: string): Promise<RawDevice> {
    return rawDevice(this.server.url, user, "raw");
  }

  /** Both ends, and bob's next ring. */
  async both(
    ofAlice: Partial<ConnectOptions["rtc"]> = {},
    ofBob: Partial<ConnectOptions["rtc"]> = {},
  ): Promise<{ alice: Client; bob: Client; ring: Promise<IncomingCall> }> {
    const bob = await this.device(this.bob, "phone", ofBob);
    const alice = await this.device(this.alice, "laptop", ofAlice);
    return { alice, bob, ring: bob.next("incoming") };
  }

  /** A call that bob answers. It need not connect. */
  async answered(
    ofAlice: Partial<ConnectOptions["rtc"]> = {},
    ofBob: Partial<ConnectOptions["rtc"]> = {},
  ): Promise<{ alice: Client; bob: Client; call: Call; theirs: Call }> {
    const { alice, bob, ring } = await this.both(ofAlice, ofBob);
    const call = alice.call(this.bob, { media: await microphone() });
    const theirs = await (await ring).accept({ media: await microphone() });
    return { alice, bob, call, theirs };
  }

  /** A call without media that a device without the SDK makes and bob answers. */
  async fromRaw(): Promise<{ alice: RawDevice; theirs: Call }> {
    const alice = await this.raw(this.alice);
    const bob = await this.device(this.bob, "phone");
    const ring = bob.next("incoming");
    alice.ask("call", { to: this.bob, key: crypto.randomUUID() });
    const accepting = (await ring).accept({ media: false });
    const { session, device: id } = (await alice.next("accepted")) as unknown as Record<string, string>;
    alice.ask("confirm", { session, device: id });
    return { alice, theirs: await accepting };
  }
}

/** The call's connection failed, or what it lacks is known: it is hung up. */
async function endsAfter(call: Call, theirs: Call, milliseconds: number): Promise<void> {
  const failed = () =>
    [call, theirs].some(({ pc, state }) => state === "ended" || pc?.connectionState === "failed");
  const end = Date.now() + milliseconds;
  await until(() => failed() || Date.now() > end, "the end", milliseconds + 5_000);
  // Nobody hangs up before the device has said so.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await call.hangup();
}

/** A connection whose remote descriptions are changed on their way in. */
function changed(change: (sdp: string) => string): Partial<ConnectOptions["rtc"]> {
  return {
    setup: (pc: RTCPeerConnection) => {
      const set = pc.setRemoteDescription.bind(pc);
      pc.setRemoteDescription = (description) =>
        set({ type: description.type, sdp: change(description.sdp ?? "") } as RTCSessionDescriptionInit);
    },
  };
}

/** A connection that may use relays alone, by servers that are changed from what the server told. */
function relayOnly(change: (told: RTCIceServer[]) => RTCIceServer[]): Partial<ConnectOptions["rtc"]> {
  class RelayOnly extends wrtc.RTCPeerConnection {
    constructor(config: RTCConfiguration = {}) {
      const told = (config.iceServers ?? []).map((server) => ({
        ...server,
        urls: [server.urls].flat().filter((url) => url.includes("transport=udp")),
      }));
      const iceServers = change(told.filter(({ urls }) => urls.length > 0));
      super({ ...config, iceTransportPolicy: "relay", iceServers });
    }
  }
  return { RTCPeerConnection: RelayOnly };
}

/** Faults that need two devices, a server, and nothing of the network. */
export const provocations: readonly Provocation[] = [
  {
    code: "not_there",
    certainty: "certain",
    provoke: async (stage) => {
      const alice = await stage.device(stage.alice);
      await alice.call(stage.bob, { media: false }).ended;
    },
  },
  {
    code: "went_offline",
    certainty: "certain",
    provoke: async (stage) => {
      const bob = await stage.raw(stage.bob);
      const alice = await stage.device(stage.alice);
      const call = alice.call(stage.bob, { media: false });
      const { session } = await bob.next("incoming");
      bob.ask("ringing", { session });
      await until(() => call.ringing.length > 0, "ringing");
      bob.close();
      await call.ended;
    },
  },
  {
    code: "bad_request",
    certainty: "certain",
    provoke: async (stage) => {
      const alice = await stage.device(stage.alice);
      await alice.call("no such/address/at all", { media: false }).ended;
    },
  },
  {
    code: "over_limit",
    certainty: "certain",
    provoke: async (stage) => {
      const { alice, ring } = await stage.both();
      const first = alice.call(stage.bob, { media: false });
      const rings = await ring;
      await alice.call(stage.bob, { media: false }).ended;
      void rings;
      // The newest record is that of the refusal: the first call is hung up by the end of its device.
      void first;
    },
  },
  {
    code: "no_answer",
    certainty: "certain",
    provoke: async (stage) => {
      const { alice, ring } = await stage.both();
      const call = alice.call(stage.bob, { media: false, timeout: 1_000 });
      await ring;
      await call.ended;
    },
  },
  {
    code: "not_alerted",
    certainty: "likely",
    provoke: async (stage) => {
      const bob = await stage.raw(stage.bob);
      const alice = await stage.device(stage.alice);
      const call = alice.call(stage.bob, { media: false, timeout: 1_000 });
      await bob.next("incoming");
      await call.ended;
    },
  },
  {
    code: "caller_not_reached",
    certainty: "certain",
    provoke: async (stage) => {
      const alice = await stage.device(stage.alice);
      const ring = alice.next("incoming");
      const placed = await api(stage.server)("POST", "/sessions", { from: stage.alice, to: stage.bob });
      if (placed.status !== 201) throw new Error(`placed: ${placed.status}`);
      await (await ring).decline();
    },
  },
  {
    code: "caller_gave_up",
    certainty: "certain",
    provoke: async (stage) => {
      const { alice, ring } = await stage.both();
      const call = alice.call(stage.bob, { media: false });
      await ring;
      await until(() => call.ringing.length > 0, "ringing");
      await call.hangup();
    },
  },
  {
    code: "declined",
    certainty: "certain",
    provoke: async (stage) => {
      const { alice, ring } = await stage.both();
      const call = alice.call(stage.bob, { media: false });
      await (await ring).decline();
      await call.ended;
    },
  },
  {
    code: "declined_by_device",
    certainty: "certain",
    provoke: async (stage) => {
      const bob = await stage.raw(stage.bob);
      const alice = await stage.device(stage.alice);
      const call = alice.call(stage.bob, { media: false, timeout: 1_500 });
      const { session } = await bob.next("incoming");
      bob.ask("decline", { session, automatic: true, reason: "incompatible" });
      await call.ended;
    },
  },
  {
    code: "busy",
    certainty: "certain",
    provoke: async (stage) => {
      const { alice, ring } = await stage.both();
      const call = alice.call(stage.bob, { media: false });
      await (await ring).decline({ reason: "busy" });
      await call.ended;
    },
  },
  {
    code: "not_confirmed",
    certainty: "certain",
    provoke: async (stage) => {
      const alice = await stage.raw(stage.alice);
      const bob = await stage.device(stage.bob, "phone");
      const ring = bob.next("incoming");
      alice.ask("call", { to: stage.bob, key: crypto.randomUUID() });
      const accepted = (await ring).accept({ media: false });
      await alice.next("accepted");
      await accepted.catch(() => {});
      await alice.next("ended");
    },
  },
  {
    code: "no_description",
    certainty: "certain",
    provoke: async (stage) => {
      const never = {
        setup: (pc: RTCPeerConnection) => {
          pc.setRemoteDescription = () => new Promise<void>(() => {});
        },
      };
      const { call, theirs } = await stage.answered({}, never);
      await endsAfter(call, theirs, 3_200);
    },
  },
  {
    code: "no_common_codec",
    certainty: "likely",
    provoke: async (stage) => {
      // What bob's browser hears of is a codec that it does not have.
      const foreign = changed((sdp) =>
        sdp
          .replaceAll(/^a=(rtpmap|fmtp|rtcp-fb):.*\r\n/gm, "")
          .replaceAll(/^(m=audio \d+ \S+) .*$/gm, "$1 101\r\na=rtpmap:101 speex/8000"),
      );
      const { call, theirs } = await stage.answered({}, foreign);
      await endsAfter(call, theirs, 1_500);
    },
  },
  {
    code: "no_candidates",
    certainty: "certain",
    provoke: async (stage) => {
      const { call, theirs } = await stage.answered(
        relayOnly(() => []),
        relayOnly(() => []),
      );
      await endsAfter(call, theirs, 1_500);
    },
  },
  {
    // Only TURN says so here, and anybody could have used that name.
    code: "turn_credentials",
    certainty: "likely",
    provoke: async (stage) => {
      const { call, theirs } = await stage.answered(
        relayOnly((told) => told.map((server) => ({ ...server, credential: "wrong" }))),
      );
      await endsAfter(call, theirs, 4_000);
    },
  },
  {
    code: "turn_peer_denied",
    provoke: async (stage) => {
      const { call, theirs } = await stage.answered(
        relayOnly((told) => told),
        { config: { iceServers: [] } },
      );
      await endsAfter(call, theirs, 4_000);
    },
  },
  {
    code: "fingerprint_mismatch",
    certainty: "certain",
    provoke: async (stage) => {
      const other = Array(32).fill("AB").join(":");
      const forged = changed((sdp) =>
        sdp.replaceAll(/^a=fingerprint:.*$/gm, `a=fingerprint:sha-256 ${other}`),
      );
      const { call, theirs } = await stage.answered({}, forged);
      await endsAfter(call, theirs, 25_000);
    },
  },
  {
    code: "dtls_failed",
    certainty: "likely",
    provoke: async (stage) => {
      // Each waits for the other one's first message.
      const passive = changed((sdp) => sdp.replaceAll("a=setup:passive", "a=setup:active"));
      const { call, theirs } = await stage.answered(passive, {
        ...changed((sdp) => sdp.replaceAll("a=setup:actpass", "a=setup:active")),
      });
      await endsAfter(call, theirs, 3_000);
    },
  },
  {
    code: "token_expired",
    certainty: "certain",
    settings: { ...provokedSettings, tokens: { secret: tokenSecret } },
    provoke: async (stage) => {
      const bob = await stage.device(stage.bob, "phone");
      const ring = bob.next("incoming");
      // An application that gives a token for good, and none that is fresh.
      const now = Date.now();
      const grants = { call: ["*"] };
      const token = await signToken(
        { user: stage.alice, grants, lifetime: 4 },
        { secret: tokenSecret, ...audience },
        now,
      );
      const alice = device(stage.server.url, stage.alice, "laptop", { token });
      await alice.ready;
      const call = alice.call(stage.bob, { media: await microphone() });
      const theirs = await (await ring).accept({ media: await microphone() });
      await Promise.all([call.connected, theirs.connected]);
      await theirs.ended;
    },
  },
  {
    code: "hung_up_before_media",
    certainty: "likely",
    provoke: async (stage) => {
      const { call } = await stage.answered();
      await until(() => call.state !== "ringing", "the answer");
      await call.hangup();
    },
  },
  {
    code: "no_fault",
    certainty: "certain",
    provoke: async (stage) => {
      const { call, theirs } = await stage.answered();
      await Promise.all([call.connected, theirs.connected]);
      await call.hangup();
    },
  },
  {
    code: "glare",
    certainty: "certain",
    provoke: async (stage) => {
      const { alice, bob, ring } = await stage.both();
      const call = alice.call(stage.bob, { media: false });
      await ring;
      const theirs = bob.call(stage.alice, { media: false });
      await Promise.all([call.connected, theirs.connected]);
    },
  },
  {
    code: "moved",
    certainty: "certain",
    beside: true,
    provoke: async (stage) => {
      const { call, theirs } = await stage.answered();
      await Promise.all([call.connected, theirs.connected]);
      const tablet = await stage.device(stage.bob, "tablet");
      const ring = tablet.next("incoming");
      const moved = theirs.move("tablet");
      const there = await (await ring).accept({ media: await microphone() });
      await moved;
      await there.connected;
      await call.hangup();
    },
  },
  {
    code: "page_closed",
    certainty: "certain",
    provoke: async (stage) => {
      const { alice, theirs } = await stage.fromRaw();
      alice.close();
      await theirs.ended;
    },
  },
  {
    code: "link_lost",
    certainty: "certain",
    provoke: async (stage) => {
      const { alice, theirs } = await stage.fromRaw();
      alice.cut();
      await theirs.ended;
    },
  },
  {
    code: "signed_out",
    certainty: "certain",
    provoke: async (stage) => {
      const { call, theirs } = await stage.answered();
      await Promise.all([call.connected, theirs.connected]);
      const { status } = await api(stage.server)("POST", `/users/${stage.bob}/kick`, {});
      if (status >= 300) throw new Error(`kick: ${status}`);
      await call.ended;
    },
  },
  {
    code: "turn_quota",
    settings: { turn: { ...provokedSettings.turn, limits: { allocations: 1 } } },
    provoke: async (stage) => {
      const others = await new Stage(stage.server, 10_000).answered();
      await others.call.connected;
      const { call, theirs } = await stage.answered(relayOnly((told) => told));
      await endsAfter(call, theirs, 4_000);
    },
  },
];
