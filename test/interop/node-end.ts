import wrtc from "@roamhq/wrtc";
import {
  type Call,
  type Client,
  capture,
  type IncomingCall,
  type LocalMedia,
} from "../../src/client/index.ts";
import { Loudspeaker } from "../support/loudspeaker.ts";
import type { End } from "./end.ts";
import type { Content } from "./page/content.ts";
import type { Color, EndState } from "./page/page-end.ts";

const { RTCVideoSource, RTCVideoSink, RTCAudioSource } = wrtc.nonstandard;

const width = 160;
const height = 120;
const rate = 48_000;
/** Luma and both chromas of the colours (BT.601). */
const planes: Record<Color, readonly [number, number, number]> = {
  red: [81, 90, 240],
  green: [145, 54, 34],
  blue: [41, 240, 110],
};

export interface NodeEndOptions {
  readonly user: string;
  readonly client: Client;
  readonly color: Color;
  /** Hz */
  readonly tone: number;
  /** Ends what the client stands on, after the client. */
  readonly after?: () => Promise<unknown>;
}

/** The SDK in this process, with libwebrtc: what it sends is made here, and what it gets is decoded here. */
export async function nodeEnd({ user, client, color, tone, after }: NodeEndOptions): Promise<End> {
  let state: EndState = { rings: 0, alerting: false, connected: false, ended: undefined, errors: [] };
  let call: Call | undefined;
  let ring: IncomingCall | undefined;
  const set = (changed: Partial<EndState>) => {
    state = { ...state, ...changed };
  };
  const fresh = (rings: 0 | 1) =>
    set({ rings: state.rings + rings, alerting: false, connected: false, ended: undefined });
  const { media, stop } = await source(color, tone);
  const listener = new Listener();
  const follow = (made: Call) => {
    call = made;
    made.on("change", () => {
      if (made.ringing.length > 0) set({ alerting: true });
    });
    made.connected.then(
      () => set({ connected: true }),
      () => {},
    );
    void made.ended.then(({ reason }) => {
      if (call === made) set({ ended: reason });
    });
  };
  client.on("incoming", (incoming) => {
    fresh(1);
    ring = incoming;
    void incoming.ended.then(({ reason }) => {
      if (reason !== "accepted" && ring === incoming) set({ ended: reason });
    });
  });
  await client.ready;
  return {
    user,
    sends: { color, tone },
    state: async () => state,
    content: async () => listener.content(call?.remote),
    ufrags: async () => {
      const of = (description: RTCSessionDescription | null | undefined) =>
        /a=ice-ufrag:(\S+)/.exec(description?.sdp ?? "")?.[1] ?? "";
      return [of(call?.pc?.currentLocalDescription), of(call?.pc?.currentRemoteDescription)];
    },
    call: async (to) => {
      fresh(0);
      follow(client.call(to, { media }));
    },
    answer: async () => void ring!.accept({ media }).then(follow, () => {}),
    decline: async () => void ring!.decline(),
    hangup: async () => void call!.hangup(),
    hold: (on) => call!.hold(on),
    restartIce: () => call!.restartIce(),
    about: async () => {
      const { connectionState, iceConnectionState } = call?.pc ?? {};
      const all = [...((await call?.pc?.getStats())?.values() ?? [])];
      const stats = all.filter(({ type, nominated }) => nominated === true || /bound-rtp$/.test(type));
      return JSON.stringify({ state, connectionState, iceConnectionState, stats });
    },
    close: async () => {
      listener.stop();
      await client.close();
      await after?.();
      stop();
    },
  };
}

/** A picture of one colour, and one tone. */
async function source(color: Color, tone: number): Promise<{ media: LocalMedia; stop(): void }> {
  const video = new RTCVideoSource();
  const audio = new RTCAudioSource();
  const data = new Uint8Array(width * height * 1.5);
  const luma = width * height;
  const [y, u, v] = planes[color];
  data
    .fill(y, 0, luma)
    .fill(u, luma, luma * 1.25)
    .fill(v, luma * 1.25);
  const film = setInterval(() => video.onFrame({ width, height, data }), 66);
  const block = rate / 100;
  const began = performance.now();
  let sent = 0;
  const speak = setInterval(() => {
    const due = Math.floor((performance.now() - began) / 10);
    // What could not be said in time is left out.
    sent = Math.max(sent, due - 10);
    for (; sent < due; sent++) {
      const samples = new Int16Array(block);
      for (let n = 0; n < block; n++)
        samples[n] = 8_000 * Math.sin((2 * Math.PI * tone * (sent * block + n)) / rate);
      const more = { sampleRate: rate, bitsPerSample: 16, channelCount: 1, numberOfFrames: block };
      audio.onData({ samples, ...more });
    }
  }, 10);
  const media = await capture(new wrtc.MediaStream([video.createTrack(), audio.createTrack()]));
  const stop = () => {
    clearInterval(film);
    clearInterval(speak);
  };
  return { media, stop };
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
/** What a stream shows and says now. */
class Listener {
  #tracks = "";
  #stops: (() => void)[] = [];
  #color = "none";
  #frames = 0;
  readonly #loudspeaker = new Loudspeaker();

  content(stream: MediaStream | undefined): Content {
    const tracks = stream?.getTracks() ?? [];
    const names = tracks.map(({ id }) => id).join(" ");
    if (names !== this.#tracks) {
      this.stop();
      this.#tracks = names;
      for (const track of tracks) this.#stops.push(this.#follow(track));
    }
    return { color: this.#color, tone: this.#loudspeaker.tone(), frames: this.#frames };
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#tracks = "";
    this.#color = "none";
  }

  #follow(track: MediaStreamTrack): () => void {
    if (track.kind === "video") {
      const sink = new RTCVideoSink(track);
      sink.onframe = ({ frame }: { readonly frame: Frame }) => {
        this.#frames++;
        this.#color = colorOf(frame);
      };
      return () => sink.stop();
    }
    this.#loudspeaker.follow(track);
    return () => this.#loudspeaker.stop();
  }
}

/** The colour in the middle of a frame of I420. */
function colorOf({ width, height, data }: Frame): string {
  const chroma = Math.floor(height / 4) * Math.floor(width / 2) + Math.floor(width / 4);
  const size = Math.floor(width / 2) * Math.floor(height / 2);
  const u = data[width * height + chroma] ?? 128;
  const v = data[width * height + size + chroma] ?? 128;
  if (v > 170) return "red";
  if (u > 170) return "blue";
  return u < 100 && v < 100 ? "green" : "none";
}
