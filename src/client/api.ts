import type { WireReason } from "../protocol/end-reasons.ts";
import type { Capabilities, RoomPolicy } from "../protocol/values.ts";
import type { SwitchboardError } from "./error.ts";

export type { Capabilities, RoomPolicy };

/** Ends what it is given to when its signal aborts; the promise then rejects with the signal's reason. */
export interface Cancel {
  readonly signal?: AbortSignal | undefined;
}

/** The events of an object: its own, and `change`, which every object has. */
export type Events<E extends object> = E & { change: undefined };

/** An object that changes while you hold it. */
export interface Live<E extends object = object> extends AsyncDisposable {
  /**
   * Calls `listener` on each event, until the returned function is called, `signal` aborts or, with `once`, the first
   * came. Events about something that is still there (`incoming`, `joined`, `knock`, `channel`) are told to late
   * listeners too. What a listener throws goes to `reportError` and disturbs nobody else.
   */
  on<K extends keyof Events<E>>(
    type: K,
    listener: (event: Events<E>[K]) => void,
    options?: Cancel & { readonly once?: boolean },
  ): () => void;
  /** The next such event. Rejects with `closed` when the object ends first. */
  next<K extends keyof Events<E>>(type: K, options?: Cancel): Promise<Events<E>[K]>;
  /** Counts the changes: a snapshot for `useSyncExternalStore` and the like. */
  readonly revision: number;
}

/** Why a call, a ring, a room or a client is over. `accepted`: a ring that this device won. `closed`: the client was closed. */
export type EndReason = WireReason | "accepted" | "closed" | "refused";

/** An end is a value, never an error that is thrown at you. */
export interface Ended {
  readonly reason: EndReason;
  /** Who ended it. */
  readonly by?: Peer | undefined;
  /** The device of one's own that answered, declined or took over. */
  readonly device?: string | undefined;
  /** The other end's own word, from its `hangup(reason)`. */
  readonly detail?: string | undefined;
  /** What went wrong, when something did. */
  readonly error?: SwitchboardError | undefined;
}

export type Kind = "audio" | "video";
export type Flags = Readonly<Record<Kind, boolean>>;

/** What to send: media that is open already, constraints to open some (closed with the call), or nothing. */
export type Media = LocalMedia | MediaStream | MediaStreamConstraints | false;

/** A user, and the device where it is known. */
export interface Peer {
  readonly user: string;
  readonly device?: string | undefined;
  /** `browser`, `phone`, `desktop`, `camera`, … */
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
}

/** A watched user, and where it is online. */
export interface Presence {
  readonly user: string;
  readonly online: boolean;
  readonly devices: readonly (Peer & { readonly device: string; readonly status?: string | undefined })[];
}

/** A message of the application. */
export interface Message {
  readonly from: Peer;
  /** The address that it was sent to: a user, a device or a room. */
  readonly to: string;
  readonly body: unknown;
}

/** `delivered`: to how many devices; known only to who may watch the user. */
export interface Sent {
  readonly delivered?: number | undefined;
}

/** One frame of the wire, for looking at. Tokens, secrets, tickets and credentials are taken out. */
export interface Frame {
  /** Unix time in ms. */
  readonly at: number;
  /** True when this client sent it. */
  readonly out: boolean;
  readonly frame: Readonly<Record<string, unknown>>;
}

export interface ConnectOptions extends Cancel {
  /** A token, or what fetches one: it is asked before each connect and again at 80 % of the token's life. */
  readonly token: string | (() => string | Promise<string>);
  /** The server's address, http(s) or ws(s). Default: the page's origin. */
  readonly url?: string | undefined;
  /**
   * This device. `id` survives reloads: in a page it is made once a tab and kept in `sessionStorage`, elsewhere the server
   * makes one unless you give it. `kind` defaults to `browser` in pages and to `service` elsewhere.
   */
  readonly device?: {
    readonly id?: string | undefined;
    readonly kind?: string | undefined;
    readonly name?: string | undefined;
    readonly capabilities?: Capabilities | undefined;
  };
  /** The WebRTC implementation, where the platform has none, and settings for it. */
  readonly rtc?: Partial<Rtc> | undefined;
  /** What becomes of calls when the page goes: `hangup` ends them; `keep` offers them again after a reload, as a ring with `resumed`. */
  readonly pageHide?: "hangup" | "keep" | undefined;
  /** What the library does, for your log. */
  log?(level: "debug" | "info" | "warn", text: string, data?: object): void;
}

/** WebRTC, as the library needs it. */
export interface Rtc {
  readonly RTCPeerConnection: new (config?: RTCConfiguration) => RTCPeerConnection;
  readonly MediaStream: new (tracks?: MediaStreamTrack[]) => MediaStream;
  /** Laid over the configuration that the server gives. */
  readonly config: RTCConfiguration;
  /** Called with each new connection before it is used: codecs, transforms. */
  setup(pc: RTCPeerConnection, call: Call): void;
}

/** Your link to the server. It reconnects and resumes by itself until it is `closed`. */
export interface Client
  extends Live<{ incoming: IncomingCall; message: Message; presence: Presence; frame: Frame }> {
  readonly state: "connecting" | "online" | "reconnecting" | "closed";
  /** Who the server says that you are; from the first welcome on. */
  readonly self: Peer | undefined;
  /** Online for the first time; rejects when the client closes before. */
  readonly ready: Promise<void>;
  /** Never rejects. `error` says why, when the server or the token ended it. */
  readonly closed: Promise<Ended>;
  /** Unix time in ms of the next attempt to connect, while it waits for one. */
  readonly retryAt: number | undefined;
  /** Calls that are not over. */
  readonly calls: ReadonlySet<Call>;
  /** Rings that are not over. */
  readonly rings: ReadonlySet<IncomingCall>;
  /** What is known of the watched users. */
  readonly presence: ReadonlyMap<string, Presence>;
  /** Calls a user (`"bob"`) or a device (`"bob/phone"`). Without `media`: camera and microphone, as far as there are any. */
  call(to: string, options?: CallOptions): Call;
  /** Sends media to a stream of the media server. */
  publish(stream: string, options?: CallOptions): Call;
  /** Receives a stream of the media server. */
  view(stream: string, options?: CallOptions): Call;
  /** Enters a room. Without `media`: who is there and messages; with it, a call to every member that has media too. */
  join(room: string, options?: JoinOptions): Room;
  /** Sends any JSON to a user, a device, or `room:NAME`. */
  send(to: string, body: unknown, options?: Cancel): Promise<Sent>;
  /** Follows the presence of these users until the returned function is called. */
  watch(users: readonly string[], options?: Cancel): () => void;
  /** This device's own word, shown in its presence. */
  setStatus(status: string): Promise<void>;
  /** Tries to connect now, when it waits for the next attempt. */
  retry(): void;
  /** Ends all calls and the link. */
  close(): Promise<void>;
}

export interface CallOptions extends Cancel {
  readonly media?: Media | undefined;
  /** Shown to the other end with the ring: any JSON. */
  readonly data?: unknown;
  /** How long it rings, in ms; the server has a limit. */
  readonly timeout?: number | undefined;
}

export interface JoinOptions extends CallOptions {
  /** `mesh` (default with media): a call with each member in the mesh. `media`: by the media server. */
  readonly mode?: "mesh" | "media" | undefined;
}

/** A call that rings at this device. */
export interface IncomingCall extends Live {
  readonly id: string;
  readonly from: Peer;
  /** What the caller wants to exchange. */
  readonly wants: Flags;
  /** What the caller gave. */
  readonly data: unknown;
  /** ms since the ring began, at the time it came here. */
  readonly age: number;
  /** A device of your own that hands its call over to this one. */
  readonly movedFrom: string | undefined;
  /** Your own call from before a page reload: accepting goes on with it. */
  readonly resumed: boolean;
  /** Never rejects. `accepted`: this device won. */
  readonly ended: Promise<Ended>;
  /**
   * Opens the media, then answers. Accepting twice is one promise. Rejects with `answered_elsewhere` and the like when
   * the race was lost; media that was opened for it is closed then. An abort leaves it ringing.
   */
  accept(options?: CallOptions): Promise<Call>;
  /** Silences this device; with `everywhere`, all devices of the user. */
  decline(options?: { readonly everywhere?: boolean; readonly reason?: "declined" | "busy" }): Promise<void>;
}

export interface Call extends Live<{ moved: Peer; channel: Channel }> {
  /** The session's id; an outgoing call has it once the server knows it. */
  readonly id: string | undefined;
  readonly peer: Peer;
  readonly direction: "in" | "out";
  readonly state: "ringing" | "connecting" | "connected" | "reconnecting" | "ended";
  /** The other end's devices that are alerting, as far as you may see them. */
  readonly ringing: readonly Peer[];
  /** Media (or data) flows for the first time; rejects when the call ends before. */
  readonly connected: Promise<void>;
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  /** What the other end sends: one stream for the whole call, there (empty) before media is. */
  readonly remote: MediaStream;
  /** The other end's shared screen, while there is one. */
  readonly remoteScreen: MediaStream | undefined;
  /** What the other end does not send now: muted, on hold, or never had it. */
  readonly remoteMuted: Flags;
  /** The other end's link to the server: `suspended` and `detached` mean that it lost its network; media may go on. */
  readonly peerLink: "live" | "suspended" | "detached";
  /** True while this end holds the call. */
  readonly held: boolean;
  readonly media: LocalMedia | undefined;
  /** The escape hatch. A move replaces it. */
  readonly pc: RTCPeerConnection | undefined;
  /** Sends something else from now on. */
  setMedia(media: Media): Promise<void>;
  /** A data channel: the same line at both ends, whoever opens it, also both. It outlives moves. */
  channel(label: string, options?: RTCDataChannelInit): Channel;
  /** Hands this end over to another device of your own. Rejects with `move_failed`, and nothing has changed then. */
  move(device: string, options?: Cancel): Promise<void>;
  /** Stops media in both directions, or lets it flow again. */
  hold(on?: boolean): Promise<void>;
  /** Sends telephone tones: `0`–`9`, `A`–`D`, `*`, `#`, `,` for a pause. */
  sendDigits(tones: string): void;
  /** Finds a new network path. The library does so by itself when the path fails. */
  restartIce(): Promise<void>;
  /** How the media does now, since the last report. */
  stats(): Promise<CallStats>;
  /** Ends the call; while it rings, cancels it. `reason` is your own word, told to the other end. */
  hangup(reason?: string): Promise<void>;
}

export interface CallStats {
  readonly path: "direct" | "relay" | undefined;
  /** Round trip in ms. */
  readonly rtt?: number | undefined;
  /** ms */
  readonly jitter?: number | undefined;
  /** Lost packets, 0–1: in, out. */
  readonly loss: readonly [number, number];
  /** bit/s: in, out. */
  readonly bitrate: readonly [number, number];
}

/** A data channel of a call. `for await` reads it; it ends with the call. */
export interface Channel extends AsyncDisposable, AsyncIterable<string | ArrayBuffer> {
  readonly label: string;
  /** Waits for the connection, and while more than 1 MiB is unsent. */
  send(data: string | ArrayBuffer, options?: Cancel): Promise<void>;
  close(): Promise<void>;
}

/** Camera, microphone and screen: one source for many calls, which all follow what is done here. */
export interface LocalMedia extends Live {
  readonly stream: MediaStream;
  readonly screen: MediaStream | undefined;
  readonly muted: Flags;
  /** Sends silence or nothing. A camera that was opened here is closed meanwhile: its light goes out. */
  mute(kind: Kind, on?: boolean): Promise<void>;
  /** Another camera or microphone, a track of your own, or (null) none. */
  use(kind: Kind, source: MediaTrackConstraints | MediaStreamTrack | null): Promise<void>;
  /** Shares a screen or window: asks the user which. */
  share(options?: DisplayMediaStreamOptions): Promise<MediaStream>;
  unshare(): void;
  /** Closes what was opened here; your own tracks go on. */
  stop(): void;
}

/** A member of a room. */
export interface Member {
  readonly id: string;
  readonly peer: Peer;
  /** What the member gave to `join`. */
  readonly data: unknown;
  /** What it sends: there (empty) before media is. */
  readonly remote: MediaStream;
  /** Your call with it, in a mesh. */
  readonly call: Call | undefined;
}

export interface Room extends Live<{ joined: Member; left: Member; knock: Member; message: Message }> {
  readonly name: string;
  readonly state: "joining" | "lobby" | "joined" | "left";
  /** How many are in it; in a large room this is all that is told. */
  readonly count: number;
  /** The others, by member id. */
  readonly members: ReadonlyMap<string, Member>;
  /** Who waits in the lobby; told to moderators. */
  readonly knocking: ReadonlyMap<string, Member>;
  readonly moderator: boolean;
  readonly policy: RoomPolicy;
  /** In the room (past the lobby); rejects when it is refused or left before. */
  readonly ready: Promise<void>;
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  admit(member: Member): Promise<void>;
  /** Turns one away from the lobby, or out of the room. */
  refuse(member: Member): Promise<void>;
  /** For moderators: the rules of the room, for as long as it lives. */
  setPolicy(policy: RoomPolicy): Promise<void>;
  send(body: unknown, options?: Cancel): Promise<Sent>;
  leave(): Promise<void>;
}
