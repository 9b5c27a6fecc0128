/** What every client in a page has: what it is told, what it says of its calls, and what it sends. */

export type PageKind = "native" | "jssip" | "sipjs" | "peerjs" | "stanza" | "camera";
export type Color = "red" | "green" | "blue";

export interface PageOptions {
  readonly kind: PageKind;
  readonly user: string;
  /** Its device, of clients that can name one. */
  readonly device?: string;
  readonly color: Color;
  /** Hz */
  readonly tone: number;
  /** Of the server, for all but native clients, which go where the page is from. */
  readonly port: number;
  /** More options of PeerJS, such as a token. */
  readonly peerjs?: object;
  /** Of a camera: each section has its own transport. */
  readonly unbundled?: boolean;
  /** Sends sound alone. */
  readonly audioOnly?: boolean;
}

/** What a client says of its calls. */
export interface EndState {
  /** How often it has been rung. */
  readonly rings: number;
  /** The call that it makes rings at the other end, where the client says so. */
  readonly alerting: boolean;
  readonly connected: boolean;
  /** Why its last call or ring ended, in its own words. */
  readonly ended: string | undefined;
  readonly errors: readonly string[];
  /** The other end has put the call on hold, where the client says so. */
  readonly held?: boolean;
}

/** One client in its page. */
export interface PageEnd {
  readonly state: EndState;
  look(): void;
  start(): Promise<void>;
  call(to: string): void;
  answer(): void;
  decline(): void;
  hangup(): void;
  /** Puts the call on hold, or goes on. */
  hold?(on: boolean): unknown;
  restartIce?(): unknown;
  stop?(): unknown;
  readonly pc: RTCPeerConnection | undefined;
}

const fills: Record<Color, string> = { red: "#f00", green: "#0f0", blue: "#00f" };
/** Keeps what nothing else holds from being collected. */
const kept: unknown[] = [];

/** A picture of one colour, and one tone. */
function source({ color, tone, audioOnly }: PageOptions): MediaStream {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: tone });
  const sink = context.createMediaStreamDestination();
  oscillator.connect(sink);
  oscillator.start();
  kept.push(context, oscillator);
  if (audioOnly === true) return sink.stream;
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
  return new MediaStream([...canvas.captureStream(15).getTracks(), ...sink.stream.getTracks()]);
}

export abstract class Base {
  state: EndState = { rings: 0, alerting: false, connected: false, ended: undefined, errors: [] };
  protected readonly options: PageOptions;
  protected readonly stream: MediaStream;

  constructor(options: PageOptions) {
    this.options = options;
    this.stream = source(options);
  }

  /** Finds out what the client does not say by itself. */
  look(): void {}

  protected set(state: Partial<EndState>): void {
    this.state = { ...this.state, ...state };
  }

  /** A new call or ring begins. */
  protected fresh(ring: 0 | 1): void {
    const rings = this.state.rings + ring;
    this.set({ rings, alerting: false, connected: false, ended: undefined, held: false });
  }

  protected failed(error: unknown): void {
    this.set({ errors: [...this.state.errors, String(error)] });
  }

  abstract get pc(): RTCPeerConnection | undefined;

  /** Tracks for one call alone: SIP.js stops them at its end, and JsSIP disables them while it is on hold. */
  protected streamForOneCall(): MediaStream {
    return new MediaStream(this.stream.getTracks().map((track) => track.clone()));
  }

  /** As an application does whose client's own offer was rejected: what the other end offers in its place gets the tracks too. */
  protected sendOnNewSections(pc: RTCPeerConnection): void {
    pc.addEventListener("track", ({ transceiver }) => {
      const track = this.stream.getTracks().find(({ kind }) => kind === transceiver.receiver.track.kind);
      if (transceiver.sender.track !== null || track === undefined) return;
      void transceiver.sender.replaceTrack(track.clone());
      transceiver.direction = "sendrecv";
    });
  }
}
