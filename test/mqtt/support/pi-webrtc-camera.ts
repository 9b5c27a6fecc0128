import wrtc from "@roamhq/wrtc";
import mqtt, { type MqttClient } from "mqtt";
import { Loudspeaker } from "../../support/loudspeaker.ts";

const { RTCVideoSource, RTCAudioSource } = wrtc.nonstandard;
const [width, height] = [64, 48];
const yuv = { red: [76, 85, 255], green: [150, 44, 21], blue: [29, 255, 107] } as const;

export interface PiWebrtcOptions {
  readonly url: string;
  /** `--uid`: where its topics begin. */
  readonly uid: string;
  readonly username: string;
  readonly password: string;
  readonly color?: keyof typeof yuv;
  /** Hz; 0: silence. */
  readonly tone?: number;
}

/** One viewer of the camera, by the client id in its topics. */
interface Viewer {
  readonly pc: RTCPeerConnection;
  /** A track was added and not offered: it makes an offer once it is connected. */
  needsOffer: boolean;
  /** Candidates that came before a description. */
  early: RTCIceCandidateInit[];
}

/**
 * A pi-webrtc-style camera: what its sources do with MQTT, over libwebrtc, which it uses itself. MQTT 5.0 with a random client id, three
 * subscriptions with No Local, everything published with QoS 2; a peer for each client id; an offer of its own once connected. A message
 * that would end the real process (an uncaught exception of its JSON library) is kept in `crash`.
 */
export class PiWebrtcCamera {
  readonly #options: PiWebrtcOptions;
  readonly #mqtt: MqttClient;
  readonly #viewers = new Map<string, Viewer>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #tracks: MediaStreamTrack[];
  readonly #loudspeaker = new Loudspeaker();
  /** What it heard and said, as `in offer`. */
  readonly log: string[] = [];
  crash: string | undefined;

  private constructor(options: PiWebrtcOptions) {
    this.#options = options;
    const { url, username, password } = options;
    this.#mqtt = mqtt.connect(url, { protocolVersion: 5, clientId: "", clean: true, username, password });
    this.#mqtt.on("message", (topic, payload) => void this.#heard(topic, String(payload)));
    this.#tracks = [this.#film(), this.#microphone()];
  }

  /** Connects, and resolves once it has subscribed. Rejects where it is refused. */
  static async start(options: PiWebrtcOptions): Promise<PiWebrtcCamera> {
    const camera = new PiWebrtcCamera(options);
    await new Promise<void>((resolve, reject) => {
      camera.#mqtt.once("error", reject);
      camera.#mqtt.on("connect", () => {
        const filters = ["offer", "answer", "ice"].map((word) => `${options.uid}/${word}/+`);
        void Promise.all(
          filters.map((filter) => camera.#mqtt.subscribeAsync(filter, { qos: 0, nl: true })),
        ).then(() => resolve(), reject);
      });
    });
    return camera;
  }

  /** How often it was called, or answered. */
  get calls(): number {
    return this.#viewers.size;
  }

  get #last(): Viewer | undefined {
    return [...this.#viewers.values()].at(-1);
  }

  /** Of its last call. */
  get state(): RTCPeerConnectionState {
    return this.#last?.pc.connectionState ?? "new";
  }

  /** The ICE username fragments of its last call: its own, and the other end's. */
  get ufrags(): readonly [own: string, other: string] {
    const of = (description: RTCSessionDescription | null | undefined) =>
      /a=ice-ufrag:(\S+)/.exec(description?.sdp ?? "")?.[1] ?? "";
    const pc = this.#last?.pc;
    return [of(pc?.currentLocalDescription), of(pc?.currentRemoteDescription)];
  }

  /** The tone that its loudspeaker plays, in Hz; 0 for silence. */
  hears(): number {
    return this.#loudspeaker.tone();
  }

  /** Ends its last call by itself. */
  hangUp(): void {
    this.#last?.pc.close();
  }

  /** Viewers whose connection is up. */
  get connected(): number {
    return [...this.#viewers.values()].filter(({ pc }) => pc.connectionState === "connected").length;
  }

  /** Publishes by hand. */
  publish(topic: string, message: unknown): void {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    this.#mqtt.publish(`${this.#options.uid}/${topic}`, text, { qos: 2 });
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { pc } of this.#viewers.values()) pc.close();
    this.#loudspeaker.stop();
    await this.#mqtt.endAsync(true);
  }

  async #heard(topic: string, text: string): Promise<void> {
    const [word = "", client = ""] = topic.slice(this.#options.uid.length + 1).split("/");
    this.log.push(`in ${word}`);
    const viewer = this.#viewers.get(client) ?? this.#viewer(client);
    const fields = JSON.parse(text) as Record<string, unknown>;
    if (word === "ice") {
      const { sdpMid, sdpMLineIndex, candidate } = fields;
      if (typeof sdpMid !== "string" || !Number.isInteger(sdpMLineIndex) || typeof candidate !== "string") {
        this.crash = text;
        return;
      }
      const init = { sdpMid, sdpMLineIndex: sdpMLineIndex as number, candidate };
      if (viewer.pc.remoteDescription === null) viewer.early.push(init);
      else await viewer.pc.addIceCandidate(init).catch(() => {});
      return;
    }
    const { type, sdp } = fields;
    if (typeof type !== "string" || typeof sdp !== "string") {
      this.crash = text;
      return;
    }
    if (word === "offer" && /m=(video|audio)/.test(text) && viewer.pc.getSenders().length === 0) {
      for (const track of this.#tracks) viewer.pc.addTrack(track, new wrtc.MediaStream([track]));
      viewer.needsOffer = true;
    }
    if (type === "answer" && viewer.pc.signalingState !== "have-local-offer") return;
    // It never rolls back: libwebrtc fails, and the real process only notes that, as whatever else it can't apply.
    if (type === "offer" && viewer.pc.signalingState !== "stable") return;
    try {
      await viewer.pc.setRemoteDescription({ type: type as RTCSdpType, sdp });
    } catch {
      return;
    }
    for (const candidate of viewer.early.splice(0))
      await viewer.pc.addIceCandidate(candidate).catch(() => {});
    if (type !== "offer") return;
    const answer = await viewer.pc.createAnswer();
    await viewer.pc.setLocalDescription(answer);
    this.#say("answer", client, { type: "answer", sdp: answer.sdp });
  }

  #viewer(client: string): Viewer {
    const pc = new wrtc.RTCPeerConnection();
    const viewer: Viewer = { pc, needsOffer: false, early: [] };
    pc.ontrack = ({ track }) => {
      if (track.kind === "audio") this.#loudspeaker.follow(track);
    };
    this.#viewers.set(client, viewer);
    pc.onicecandidate = ({ candidate }) => {
      if (candidate === null || candidate.candidate === "") return;
      const { sdpMid, sdpMLineIndex } = candidate;
      this.#say("ice", client, { sdpMid, sdpMLineIndex, candidate: candidate.candidate });
    };
    pc.onconnectionstatechange = () => {
      if (pc.connectionState !== "connected" || !viewer.needsOffer) return;
      viewer.needsOffer = false;
      void pc.createOffer().then(async (offer) => {
        await pc.setLocalDescription(offer);
        this.#say("offer", client, { type: "offer", sdp: offer.sdp });
      });
    };
    return viewer;
  }

  #say(word: string, client: string, message: object): void {
    this.log.push(`out ${word}`);
    this.publish(`${word}/${client}`, message);
  }

  #film(): MediaStreamTrack {
    const source = new RTCVideoSource();
    const [y, u, v] = yuv[this.#options.color ?? "blue"];
    const [size, quarter] = [width * height, (width * height) / 4];
    const data = new Uint8Array(size * 1.5)
      .fill(y, 0, size)
      .fill(u, size, size + quarter)
      .fill(v, size + quarter);
    this.#timers.push(setInterval(() => source.onFrame({ width, height, data }), 50));
    return source.createTrack();
  }

  #microphone(): MediaStreamTrack {
    const source = new RTCAudioSource();
    const { tone = 0 } = this.#options;
    const format = { sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 } as const;
    let at = 0;
    this.#timers.push(
      setInterval(() => {
        const wave = () => Math.round(12_000 * Math.sin((2 * Math.PI * tone * at++) / format.sampleRate));
        source.onData({ samples: Int16Array.from({ length: 480 }, wave), ...format });
      }, 10),
    );
    return source.createTrack();
  }
}
