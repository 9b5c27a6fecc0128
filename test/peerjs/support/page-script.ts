/** What runs in a page: one end of calls, native, JsSIP, PeerJS, stanza or a camera that only makes offers, which sends a colour and a tone and says which it gets. */
import JsSIP from "jssip";
import type { Call, Client, IncomingCall } from "../../../src/client/index.ts";

export type PageKind = "native" | "jssip" | "peerjs" | "stanza" | "camera";

export interface PageOptions {
  readonly kind: PageKind;
  readonly user: string;
  readonly color: "red" | "green" | "blue";
  /** Hz */
  readonly tone: number;
  /** Of the server, for JsSIP, PeerJS and stanza. */
  readonly port: number;
  /** More options of PeerJS, such as a token. */
  readonly peerjs?: object;
  /** Of a camera: each section has its own transport. */
  readonly unbundled?: boolean;
}

/** What a test sees of the end. */
export interface PageState {
  readonly rings: number;
  readonly connected: boolean;
  readonly ended: string | undefined;
  readonly errors: readonly string[];
  /** The other end has put the call on hold, where the client says so. */
  readonly held?: boolean;
}

/** What comes from the other end now. */
export interface Content {
  readonly color: string;
  readonly tone: number;
}

export interface Peer {
  state: PageState;
  start(): Promise<void>;
  call(to: string): void;
  answer(): void;
  hangup(): void;
  /** Puts the call on hold, or goes on. */
  hold?(on: boolean): unknown;
  restartIce?(): unknown;
  readonly pc: RTCPeerConnection | undefined;
}

/** As much of PeerJS as is used here; its script is in the page. */
interface PeerjsCall {
  readonly peer: string;
  readonly peerConnection: RTCPeerConnection;
  answer(stream: MediaStream): void;
  close(): void;
  // biome-ignore lint/suspicious/noExplicitAny: its events have many shapes
  on(event: string, hear: (value: any) => void): void;
}
interface PeerjsPeer {
  readonly id: string;
  call(to: string, stream: MediaStream, options?: object): PeerjsCall;
  // biome-ignore lint/suspicious/noExplicitAny: its events have many shapes
  on(event: string, hear: (value: any) => void): void;
}
declare const Peer: new (id: string | undefined, options: object) => PeerjsPeer;

/** As much of stanza as is used here; its bundle is in the page. */
interface StanzaSession {
  readonly pc: RTCPeerConnection;
  addTrack(track: MediaStreamTrack, stream: MediaStream): void;
  start(): Promise<void>;
  ring(): Promise<void>;
  accept(): Promise<void>;
  hold(): void;
  resume(): void;
  restartIce(): Promise<void>;
  end(reason?: string): void;
}
interface StanzaClient {
  readonly jingle: { createMediaSession(to: string, sid: string, stream: MediaStream): StanzaSession };
  // biome-ignore lint/suspicious/noExplicitAny: its events have many shapes
  on(event: string, hear: (...values: any[]) => void): void;
  connect(): void;
  sendPresence(): void;
}
declare const stanza: { createClient(options: object): StanzaClient };

const fills = { red: "#f00", green: "#0f0", blue: "#00f" };
const kept: unknown[] = [];

function source({ color, tone }: PageOptions): MediaStream {
  const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 120 });
  const paint = canvas.getContext("2d")!;
  let count = 0;
  setInterval(() => {
    paint.fillStyle = fills[color];
    paint.fillRect(0, 0, 160, 120);
    // What does not change isn't sent.
    paint.fillStyle = "#fff";
    paint.fillRect(count++ % 160, 0, 4, 4);
  }, 66);
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: tone });
  const sink = context.createMediaStreamDestination();
  oscillator.connect(sink);
  oscillator.start();
  kept.push(context, oscillator);
  return new MediaStream([...canvas.captureStream(15).getTracks(), ...sink.stream.getTracks()]);
}

/** The tracks that the connection receives now. */
function received(pc: RTCPeerConnection): MediaStreamTrack[] {
  return pc
    .getTransceivers()
    .filter(({ currentDirection }) => currentDirection === "sendrecv" || currentDirection === "recvonly")
    .map(({ receiver }) => receiver.track);
}

let listening:
  | { tracks: string; video: HTMLVideoElement; context: AudioContext; analyser: AnalyserNode }
  | undefined;

function content(pc: RTCPeerConnection | undefined): Content {
  const tracks = pc === undefined ? [] : received(pc);
  const names = tracks.map(({ id }) => id).join(" ");
  if (listening?.tracks !== names) {
    // A page may have few of these, and has one for each call.
    void listening?.context.close();
    const stream = new MediaStream(tracks);
    const video = Object.assign(document.createElement("video"), { muted: true, srcObject: stream });
    void video.play();
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8_192 });
    if (stream.getAudioTracks().length > 0) context.createMediaStreamSource(stream).connect(analyser);
    kept.push(context, video);
    listening = { tracks: names, video, context, analyser };
  }
  const { video, analyser } = listening;
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const paint = canvas.getContext("2d")!;
  paint.drawImage(video, 0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = paint.getImageData(0, 0, 1, 1).data;
  const color =
    red > 150 && green < 120 && blue < 120
      ? "red"
      : green > 150 && red < 120 && blue < 120
        ? "green"
        : blue > 150 && red < 120 && green < 120
          ? "blue"
          : "none";
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const loudest = Math.max(...levels);
  const bin = levels.indexOf(loudest);
  const tone = loudest > -60 ? Math.round((bin * analyser.context.sampleRate) / analyser.fftSize) : 0;
  return { color, tone };
}

abstract class Base {
  state: PageState = { rings: 0, connected: false, ended: undefined, errors: [] };
  protected readonly options: PageOptions;
  protected readonly stream: MediaStream;

  constructor(options: PageOptions) {
    this.options = options;
    this.stream = source(options);
  }

  protected set(state: Partial<PageState>): void {
    this.state = { ...this.state, ...state };
  }

  protected fresh(ring: 0 | 1): void {
    this.set({ rings: this.state.rings + ring, connected: false, ended: undefined });
  }

  protected failed(error: unknown): void {
    this.set({ errors: [...this.state.errors, String(error)] });
  }
}

class NativePeer extends Base implements Peer {
  #client: Client | undefined;
  #call: Call | undefined;
  #ring: IncomingCall | undefined;

  get pc() {
    return this.#call?.pc;
  }

  async start() {
    const path = "/client.js";
    const { connect } = (await import(path)) as typeof import("../../../src/client/index.ts");
    this.#client = connect({ token: `dev:${this.options.user}` });
    this.#client.on("incoming", (ring) => {
      this.fresh(1);
      this.#ring = ring;
      void ring.ended.then(({ reason }) => {
        if (reason !== "accepted" && this.#ring === ring) this.set({ ended: reason });
      });
    });
    await this.#client.ready;
  }

  call(to: string) {
    this.fresh(0);
    this.#follow(this.#client!.call(to, { media: this.stream }));
  }

  answer() {
    void this.#ring!.accept({ media: this.stream }).then((call) => this.#follow(call));
  }

  hangup() {
    void this.#call!.hangup();
  }

  hold(on: boolean) {
    return this.#call!.hold(on);
  }

  restartIce() {
    return this.#call!.restartIce();
  }

  #follow(call: Call) {
    this.#call = call;
    call.connected.then(
      () => this.set({ connected: true }),
      () => {},
    );
    void call.ended.then(({ reason }) => this.set({ ended: reason }));
  }
}

type JsSipSession = ReturnType<InstanceType<typeof JsSIP.UA>["call"]>;

class JsSipPeer extends Base implements Peer {
  #ua: InstanceType<typeof JsSIP.UA> | undefined;
  #session: JsSipSession | undefined;

  get pc() {
    return this.#session?.connection;
  }

  async start() {
    const { user, port } = this.options;
    const ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(`ws://localhost:${port}/sip`)],
      uri: `sip:${user}@switchboard.test`,
      password: `dev:${user}`,
    });
    this.#ua = ua;
    ua.on("newRTCSession", ({ originator, session }: { originator: string; session: JsSipSession }) => {
      if (originator !== "remote") return;
      this.fresh(1);
      this.#follow(session);
    });
    const registered = new Promise<void>((resolve, reject) => {
      ua.once("registered", () => resolve());
      ua.once("registrationFailed", ({ cause }) => reject(new Error(cause)));
    });
    ua.start();
    await registered;
  }

  call(to: string) {
    this.fresh(0);
    this.#follow(this.#ua!.call(`sip:${to}@switchboard.test`, { mediaStream: this.stream }));
  }

  answer() {
    this.#session!.answer({ mediaStream: this.stream });
  }

  hangup() {
    this.#session!.terminate();
  }

  #follow(session: JsSipSession) {
    this.#session = session;
    session.on("confirmed", () => this.set({ connected: true }));
    const over = ({ cause }: { cause: string }) => this.set({ ended: cause });
    session.on("failed", over);
    session.on("ended", over);
  }
}

class PeerjsEnd extends Base implements Peer {
  peer: PeerjsPeer | undefined;
  #call: PeerjsCall | undefined;

  get pc() {
    return this.#call?.peerConnection;
  }

  async start() {
    const { user, port, peerjs } = this.options;
    const peer = new Peer(user, { host: "localhost", port, path: "/peerjs", config: {}, ...peerjs });
    this.peer = peer;
    Object.assign(globalThis, { peerjs: peer });
    peer.on("call", (call: PeerjsCall) => {
      this.fresh(1);
      this.#follow(call);
    });
    peer.on("connection", (data) => {
      const { label, metadata } = data;
      data.on("data", (heard: unknown) => data.send({ heard, label, metadata }));
    });
    peer.on("error", (error: { type: string }) => this.failed(error.type));
    await new Promise<void>((resolve, reject) => {
      peer.on("open", () => resolve());
      peer.on("error", reject);
    });
  }

  call(to: string) {
    this.fresh(0);
    this.#follow(this.peer!.call(to, this.stream, { metadata: { said: "hello" } }));
  }

  answer() {
    this.#call!.answer(this.stream);
  }

  hangup() {
    this.#call!.close();
  }

  #follow(call: PeerjsCall) {
    this.#call = call;
    call.on("stream", () => this.set({ connected: true }));
    call.on("close", () => this.set({ ended: "close" }));
    call.on("error", (error) => this.failed(error));
  }
}

class StanzaEnd extends Base implements Peer {
  client: StanzaClient | undefined;
  #session: StanzaSession | undefined;

  get pc() {
    return this.#session?.pc;
  }

  /** For what only this client does. */
  get session() {
    return this.#session;
  }

  async start() {
    const { user, port } = this.options;
    const client = stanza.createClient({
      jid: `${user}@switchboard.test`,
      password: `dev:${user}`,
      resource: "web",
      transports: { websocket: `ws://localhost:${port}/xmpp`, bosh: false },
      autoReconnect: false,
      jingle: { iceServers: [] },
    });
    this.client = client;
    client.on("jingle:incoming", (session: StanzaSession) => {
      this.fresh(1);
      this.#follow(session);
      for (const track of this.stream.getTracks()) session.addTrack(track, this.stream);
      void session.ring();
    });
    client.on(
      "jingle:terminated",
      (session: StanzaSession, reason?: { condition?: string; text?: string }) => {
        if (session === this.#session)
          this.set({ ended: [reason?.condition, reason?.text].filter(Boolean).join(" ") || "end" });
      },
    );
    client.on("jingle:hold", () => this.set({ held: true }));
    client.on("jingle:resumed", () => this.set({ held: false }));
    client.on("stream:error", (error: object) => this.failed(JSON.stringify(error)));
    await new Promise<void>((resolve, reject) => {
      client.on("session:started", () => resolve());
      client.on("auth:failed", () => reject(new Error("auth:failed")));
      client.connect();
    });
    client.sendPresence();
  }

  call(to: string) {
    this.fresh(0);
    const session = this.client!.jingle.createMediaSession(
      `${to}@switchboard.test`,
      crypto.randomUUID(),
      this.stream,
    );
    this.#follow(session);
    void session.start();
  }

  answer() {
    void this.#session!.accept();
  }

  hold(on: boolean) {
    if (on) this.#session!.hold();
    else this.#session!.resume();
  }

  restartIce() {
    return this.#session!.restartIce();
  }

  hangup() {
    this.#session!.end();
  }

  #follow(session: StanzaSession) {
    this.#session = session;
    session.pc.addEventListener("connectionstatechange", () => {
      if (session.pc.connectionState === "connected") this.set({ connected: true });
    });
  }
}

/** A device that makes offers and can't answer any, as cameras on libpeer are: the native protocol, with RTCPeerConnection alone. */
class Camera extends Base implements Peer {
  pc: RTCPeerConnection | undefined;
  #socket: WebSocket | undefined;
  #asked = 0;
  #session = "";

  async start() {
    const { user, port } = this.options;
    const socket = new WebSocket(`ws://localhost:${port}/ws`, "switchboard.v1");
    this.#socket = socket;
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    const capabilities = { sdpRole: "offer-only", renegotiation: "none", iceRestart: false };
    const device = { id: "camera", kind: "camera", capabilities };
    const hello = { type: "hello", token: `dev:${user}`, device, instance: "camera-1", attempt: 1 };
    socket.send(JSON.stringify(hello));
    await new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type === "welcome") resolve();
        else if (frame.type === "ping") socket.send(JSON.stringify({ type: "pong" }));
        else void this.#heard(frame);
      };
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: frames of every type
  async #heard(frame: any) {
    if (frame.type === "incoming") {
      this.fresh(1);
      this.#session = frame.session;
      if (!frame.offer || frame.description) this.failed("the camera was not asked for its offer");
      this.#ask("ringing", {});
    } else if (frame.ok?.offer === true) this.#candidates(frame.ok.generation);
    else if (frame.error) this.failed(frame.error.message);
    else if (frame.type === "signal" && frame.description)
      await this.pc!.setRemoteDescription(frame.description);
    else if (frame.type === "ended") this.set({ ended: frame.reason });
    if (frame.type === "signal")
      for (const candidate of frame.candidates ?? [])
        await this.pc!.addIceCandidate(candidate).catch(() => {});
  }

  #ask(type: string, fields: object) {
    this.#asked += 1;
    this.#socket!.send(JSON.stringify({ id: this.#asked, type, session: this.#session, ...fields }));
  }

  call() {
    throw new Error("this camera calls nobody");
  }

  answer() {
    void (async () => {
      const pc = new RTCPeerConnection();
      this.pc = pc;
      for (const track of this.stream.getTracks()) pc.addTrack(track, this.stream);
      const offer = await pc.createOffer();
      const sdp =
        this.options.unbundled === true ? offer.sdp!.replace(/a=group:BUNDLE.*\r\n/, "") : offer.sdp!;
      this.#early = [];
      pc.onicecandidate = ({ candidate }) => {
        if (candidate !== null) this.#early.push(candidate);
      };
      await pc.setLocalDescription({ type: "offer", sdp });
      this.#ask("accept", { description: { type: "offer", sdp } });
    })();
  }

  #early: RTCIceCandidate[] = [];

  #candidates(generation: number) {
    const send = (candidates: RTCIceCandidate[]) => this.#ask("signal", { pair: 1, generation, candidates });
    send(this.#early);
    this.pc!.onicecandidate = ({ candidate }) => {
      if (candidate !== null) send([candidate]);
    };
  }

  hangup() {
    this.#ask("hangup", {});
  }
}

export interface EndWindow {
  end: Peer;
  content(): Content;
  makeEnd(options: PageOptions): Promise<void>;
}

const here = window as unknown as EndWindow;
here.makeEnd = async (options) => {
  const Made = { native: NativePeer, jssip: JsSipPeer, peerjs: PeerjsEnd, stanza: StanzaEnd, camera: Camera }[
    options.kind
  ];
  here.end = new Made(options);
  await here.end.start();
};
here.content = () => content(here.end.pc);
