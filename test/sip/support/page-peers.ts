/** What runs in the browser: native, JsSIP and SIP.js peers behind one face. Bundled by the tests; the libraries are unmodified. */
import JsSIP from "jssip";
import {
  type Invitation,
  Inviter,
  Registerer,
  type Session,
  SessionState,
  UserAgent,
  type Web,
} from "sip.js";
import type { Call, Client, IncomingCall } from "../../../src/client/index.ts";

export type PageKind = "native" | "jssip" | "sipjs";

export interface PeerOptions {
  readonly kind: PageKind;
  readonly user: string;
  /** Where SIP goes, `ws://…/sip`; the page's own origin is where the native protocol goes. */
  readonly server: string;
  readonly password: string;
  readonly device?: string;
  /** SIP.js only: `Require: 100rel`. */
  readonly reliable?: boolean;
  /** A microphone without a camera. */
  readonly audioOnly?: boolean;
  /** The network lets no WebSocket through. */
  readonly socketless?: boolean;
}

/** What a test sees of a peer. */
export interface PeerState {
  readonly registered: boolean;
  readonly rings: number;
  readonly alerting: boolean;
  readonly connected: boolean;
  readonly ended: string | undefined;
  readonly digits: string;
  readonly remoteHeld: boolean;
}

export interface Peer {
  readonly state: PeerState;
  start(): Promise<void>;
  /** `timeout`: how long it rings, in seconds; by default as long as the server lets it. */
  call(to: string, timeout?: number): void;
  answer(): void;
  decline(): void;
  hangup(): void;
  hold(on: boolean): Promise<void>;
  restartIce(): Promise<void>;
  digit(digit: string): void;
  message(to: string, text: string): Promise<void>;
  readonly messages: string[];
  stop(): Promise<void>;
  readonly pc: RTCPeerConnection | undefined;
}

const media: { readonly audio: true; video?: object } = {
  audio: true,
  video: { width: 160, height: 120, frameRate: 15 },
};
const domain = "switchboard.test";

/** How long an INVITE rings (RFC 3261 §13.2.1). */
function expires(seconds: number | undefined): string[] {
  return seconds === undefined ? [] : [`Expires: ${seconds}`];
}

abstract class Base {
  registered = false;
  rings = 0;
  alerting = false;
  connected = false;
  ended: string | undefined;
  digits = "";
  remoteHeld = false;
  readonly messages: string[] = [];

  get state(): PeerState {
    const { registered, rings, alerting, connected, ended, digits, remoteHeld } = this;
    return { registered, rings, alerting, connected, ended, digits, remoteHeld };
  }

  protected fresh(): void {
    this.alerting = false;
    this.connected = false;
    this.ended = undefined;
    this.digits = "";
    this.remoteHeld = false;
  }
}

class NativePeer extends Base implements Peer {
  readonly #options: PeerOptions;
  #client: Client | undefined;
  #call: Call | undefined;
  #ring: IncomingCall | undefined;

  constructor(options: PeerOptions) {
    super();
    this.#options = options;
  }

  get pc() {
    return this.#call?.pc;
  }

  async start() {
    const path = "/client.js";
    const { connect } = (await import(path)) as typeof import("../../../src/client/index.ts");
    const { user, device } = this.#options;
    this.#client = connect({ token: `dev:${user}`, device: device === undefined ? {} : { id: device } });
    this.#client.on("incoming", (ring) => {
      this.fresh();
      this.rings++;
      this.#ring = ring;
      void ring.ended.then(({ reason }) => {
        if (reason !== "accepted" && this.#ring === ring) this.ended = reason;
      });
    });
    this.#client.on("message", ({ body }) => this.messages.push(JSON.stringify(body)));
    this.#client.on("change", () => {
      this.registered = this.#client?.state === "online";
    });
    await this.#client.ready;
    this.registered = true;
  }

  call(to: string, timeout?: number) {
    this.fresh();
    const limit = timeout === undefined ? {} : { timeout: timeout * 1_000 };
    this.#follow(this.#client!.call(to, { media, ...limit }));
  }

  answer() {
    void this.#ring!.accept({ media }).then((call) => this.#follow(call));
  }

  decline() {
    void this.#ring!.decline();
  }

  hangup() {
    void this.#call!.hangup();
  }

  async hold(on: boolean) {
    await this.#call!.hold(on);
  }

  async restartIce() {
    await this.#call!.restartIce();
  }

  digit() {
    throw new Error("the native peer sends tones in its media");
  }

  async message(to: string, text: string) {
    await this.#client!.send(to, text);
  }

  async stop() {
    await this.#client?.close();
  }

  #follow(call: Call) {
    this.#call = call;
    call.on("change", () => {
      this.alerting = call.ringing.length > 0 || this.alerting;
    });
    call.connected.then(
      () => {
        this.connected = true;
      },
      () => {},
    );
    void call.ended.then(({ reason }) => {
      this.ended = reason;
    });
  }
}

type JsSipSession = ReturnType<InstanceType<typeof JsSIP.UA>["call"]>;

class JsSipPeer extends Base implements Peer {
  readonly #options: PeerOptions;
  #ua: InstanceType<typeof JsSIP.UA> | undefined;
  #session: JsSipSession | undefined;

  constructor(options: PeerOptions) {
    super();
    this.#options = options;
  }

  get pc() {
    return this.#session?.connection;
  }

  async start() {
    const { server, user, password, device } = this.#options;
    const ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(server)],
      uri: `sip:${user}@${domain}`,
      password,
      ...(device === undefined ? {} : { authorization_user: `${user}/${device}` }),
      connection_recovery_min_interval: 1,
    });
    this.#ua = ua;
    ua.on("newRTCSession", ({ originator, session }: { originator: string; session: JsSipSession }) => {
      if (originator !== "remote") return;
      this.fresh();
      this.rings++;
      this.#follow(session);
    });
    ua.on("newMessage", ({ originator, request }: { originator: string; request: unknown }) => {
      if (originator === "remote") this.messages.push(JSON.stringify((request as { body: string }).body));
    });
    ua.on("registered", () => {
      this.registered = true;
    });
    ua.on("unregistered", () => {
      this.registered = false;
    });
    ua.on("disconnected", () => {
      this.registered = false;
    });
    const registered = new Promise<void>((resolve, reject) => {
      ua.once("registered", () => resolve());
      ua.once("registrationFailed", ({ cause }) => reject(new Error(cause)));
    });
    ua.start();
    await registered;
  }

  call(to: string, timeout?: number) {
    this.fresh();
    const extraHeaders = expires(timeout);
    this.#follow(this.#ua!.call(`sip:${to}@${domain}`, { mediaConstraints: media, extraHeaders }));
  }

  answer() {
    this.#session!.answer({ mediaConstraints: media });
  }

  decline() {
    this.#session!.terminate();
  }

  hangup() {
    this.#session!.terminate();
  }

  hold(on: boolean) {
    const session = this.#session!;
    return new Promise<void>((resolve, reject) => {
      const done = () => resolve();
      session.on("ended", () => reject(new Error("the call ended")));
      const taken = on ? session.hold({}, done) : session.unhold({}, done);
      if (!taken) reject(new Error("not ready to hold"));
    });
  }

  restartIce() {
    const session = this.#session!;
    return new Promise<void>((resolve, reject) => {
      const options = { rtcOfferConstraints: { iceRestart: true } };
      session.on("ended", () => reject(new Error("the call ended")));
      if (!session.renegotiate(options, () => resolve())) reject(new Error("not ready to restart"));
    });
  }

  digit(digit: string) {
    this.#session!.sendDTMF(digit);
  }

  async message(to: string, text: string) {
    await new Promise<void>((resolve, reject) => {
      this.#ua!.sendMessage(`sip:${to}@${domain}`, text, {
        eventHandlers: { succeeded: () => resolve(), failed: ({ cause }) => reject(new Error(cause)) },
      });
    });
  }

  async stop() {
    this.#ua?.stop();
  }

  #follow(session: JsSipSession) {
    this.#session = session;
    session.on("progress", ({ originator }: { originator: string }) => {
      if (originator === "remote") this.alerting = true;
    });
    session.on("confirmed", () => {
      this.connected = true;
    });
    session.on("newDTMF", ({ originator, dtmf }: { originator: string; dtmf: { tone: string } }) => {
      if (originator === "remote") this.digits += dtmf.tone;
    });
    session.on("hold", ({ originator }: { originator: string }) => {
      if (originator === "remote") this.remoteHeld = true;
    });
    session.on("unhold", ({ originator }: { originator: string }) => {
      if (originator === "remote") this.remoteHeld = false;
    });
    const over = ({ cause, message }: { cause: string; message?: unknown }) => {
      const reason = (message as { getHeader?(name: string): string } | undefined)?.getHeader?.("Reason");
      this.ended = reason === undefined ? cause : `${cause}: ${reason}`;
    };
    session.on("failed", over);
    session.on("ended", over);
  }
}

class SipJsPeer extends Base implements Peer {
  readonly #options: PeerOptions;
  #ua: UserAgent | undefined;
  #registerer: Registerer | undefined;
  #session: Session | undefined;

  constructor(options: PeerOptions) {
    super();
    this.#options = options;
  }

  get pc() {
    const handler = this.#session?.sessionDescriptionHandler as Web.SessionDescriptionHandler | undefined;
    return handler?.peerConnection;
  }

  async start() {
    const { server, user, password, device } = this.#options;
    const uri = UserAgent.makeURI(`sip:${user}@${domain}`);
    if (uri === undefined) throw new Error("no URI");
    const ua = new UserAgent({
      uri,
      // A busy machine may need longer than its 5 s.
      transportOptions: { server, connectionTimeout: 30 },
      authorizationUsername: device === undefined ? user : `${user}/${device}`,
      authorizationPassword: password,
      reconnectionAttempts: 20,
      reconnectionDelay: 1,
      logLevel: "error",
      delegate: {
        onInvite: (invitation) => {
          this.fresh();
          this.rings++;
          this.#follow(invitation);
          invitation.delegate = {
            ...invitation.delegate,
            onCancel: ({ request }) => {
              this.ended = `Canceled: ${request.getHeader("Reason") ?? ""}`;
            },
          };
        },
        onMessage: (message) => {
          this.messages.push(JSON.stringify(message.request.body));
          void message.accept();
        },
        onConnect: () => {
          // It says no change of state when it was registered before.
          const onAccept = () => {
            this.registered = true;
          };
          void this.#registerer?.register({ requestDelegate: { onAccept } });
        },
        onDisconnect: () => {
          this.registered = false;
        },
      },
    });
    this.#ua = ua;
    // A connection that does not come to be is tried again, as JsSIP does by itself; SIP.js does so only with one that was open.
    await ua.start().catch(() => ua.reconnect());
    const registerer = new Registerer(ua);
    this.#registerer = registerer;
    await this.#register();
  }

  async #register() {
    const registerer = this.#registerer!;
    await new Promise<void>((resolve, reject) => {
      registerer.stateChange.addListener((state) => {
        this.registered = String(state) === "Registered";
        if (this.registered) resolve();
      });
      registerer
        .register({
          requestDelegate: { onReject: ({ message }) => reject(new Error(String(message.statusCode))) },
        })
        .catch(reject);
    });
  }

  call(to: string, timeout?: number) {
    this.fresh();
    const target = UserAgent.makeURI(`sip:${to}@${domain}`);
    if (target === undefined) throw new Error("no target");
    const inviter = new Inviter(this.#ua!, target, {
      sessionDescriptionHandlerOptions: { constraints: media },
      extraHeaders: [...expires(timeout), ...(this.#options.reliable === true ? ["Require: 100rel"] : [])],
    });
    this.#follow(inviter);
    void inviter.invite({
      requestDelegate: {
        onProgress: ({ message }) => {
          if (message.statusCode === 180) this.alerting = true;
        },
        onReject: ({ message }) => {
          const reason = message.getHeader("Reason");
          this.ended = `${message.statusCode}${reason === undefined ? "" : `: ${reason}`}`;
        },
      },
    });
  }

  answer() {
    void (this.#session as Invitation).accept({ sessionDescriptionHandlerOptions: { constraints: media } });
  }

  decline() {
    void (this.#session as Invitation).reject();
  }

  hangup() {
    const session = this.#session!;
    if (session.state === SessionState.Established) void session.bye();
    else void (session as Inviter).cancel();
  }

  hold(on: boolean) {
    return this.#reinvite({ hold: on } as Web.SessionDescriptionHandlerOptions);
  }

  restartIce() {
    return this.#reinvite({ offerOptions: { iceRestart: true } } as Web.SessionDescriptionHandlerOptions);
  }

  async #reinvite(options: Web.SessionDescriptionHandlerOptions) {
    const session = this.#session!;
    session.sessionDescriptionHandlerOptionsReInvite = options;
    await new Promise<void>((resolve, reject) => {
      session
        .invite({
          requestDelegate: {
            onAccept: () => resolve(),
            onReject: ({ message }) => reject(new Error(String(message.statusCode))),
          },
        })
        .catch(reject);
    });
  }

  digit(digit: string) {
    const content = `Signal=${digit}\r\nDuration=200`;
    const body = { contentDisposition: "render", contentType: "application/dtmf-relay", content };
    void this.#session!.info({ requestOptions: { body } });
  }

  async message(to: string, text: string) {
    const { Messager } = await import("sip.js");
    const target = UserAgent.makeURI(`sip:${to}@${domain}`);
    if (target === undefined) throw new Error("no target");
    await new Promise<void>((resolve, reject) => {
      new Messager(this.#ua!, target, text)
        .message({
          requestDelegate: {
            onAccept: () => resolve(),
            onReject: ({ message }) => reject(new Error(String(message.statusCode))),
          },
        })
        .catch(reject);
    });
  }

  async stop() {
    await this.#ua?.stop();
  }

  #follow(session: Session) {
    this.#session = session;
    session.delegate = {
      onInfo: (info) => {
        this.digits += /Signal=(\S)/.exec(info.request.body)?.[1] ?? "";
        void info.accept();
      },
      onBye: (bye) => {
        this.ended = `bye: ${bye.request.getHeader("Reason") ?? ""}`;
        void bye.accept();
      },
    };
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) this.connected = true;
      if (state === SessionState.Terminated) this.ended ??= "terminated";
    });
  }
}

/** One that goes nowhere: no browser connects to this port. */
class BlockedSocket extends WebSocket {
  constructor() {
    super("ws://localhost:1/");
  }
}

export interface PeersWindow {
  peer: Peer;
  makePeer(options: PeerOptions): void;
  mediaCounts(): Promise<{ packets: number; frames: number }>;
}

const here = window as unknown as PeersWindow;
here.makePeer = (options) => {
  if (options.audioOnly) delete media.video;
  if (options.socketless) window.WebSocket = BlockedSocket;
  const Made = { native: NativePeer, jssip: JsSipPeer, sipjs: SipJsPeer }[options.kind];
  here.peer = new Made(options);
};
here.mediaCounts = async () => {
  let packets = 0;
  let frames = 0;
  const stats = await here.peer.pc?.getStats();
  stats?.forEach((report) => {
    if (report.type !== "inbound-rtp") return;
    if (report.kind === "audio") packets += report.packetsReceived ?? 0;
    frames += report.framesDecoded ?? 0;
  });
  return { packets, frames };
};
