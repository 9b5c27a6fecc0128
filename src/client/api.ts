// `AsyncDisposable` is in this library only, and not every project names it.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Capabilities } from "./capabilities.ts";
import type { SwitchboardError } from "./error.ts";
import type { Broadcast, PublishOptions, Viewing, ViewOptions } from "./stream-api.ts";

// The public types stand on their own: who installs the SDK needs neither the protocol's schemas nor their library. A test
// holds what is said twice (here and in src/protocol) together.

/** A `signal` that aborts ends what it was given to. The promise then rejects with the signal's reason. */
export interface Cancel {
  readonly signal?: AbortSignal | undefined;
}

/** The events of an object: its own, and `change`, which all objects have. */
export type Events<E extends object> = E & { change: undefined };

/** An object that changes while you hold it. */
export interface Live<E extends object = object> extends AsyncDisposable {
  /**
   * Calls `listener` on each event, until you call the returned function, `signal` aborts or, with `once`, the first event
   * has come. Late listeners also get the events about what is still there (`incoming`, `joined`, `knock`, `channel`). What a
   * listener throws goes to `reportError`, and other listeners are called all the same.
   */
  on<K extends keyof Events<E>>(
    type: K,
    listener: (event: Events<E>[K]) => void,
    options?: Cancel & { readonly once?: boolean },
  ): () => void;
  /** Waits for the next such event. Rejects with `closed` when the object ends first. */
  next<K extends keyof Events<E>>(type: K, options?: Cancel): Promise<Events<E>[K]>;
  /** The number of changes so far: a snapshot for `useSyncExternalStore` and the like. */
  readonly revision: number;
}

/** Why a call, a ring, a room or a client is over. docs/protocol.md explains each; the last three are the SDK's own. */
export type EndReason =
  | "hangup"
  | "declined"
  | "declined_elsewhere"
  | "answered_elsewhere"
  | "cancelled"
  | "no_answer"
  | "busy"
  | "unreachable"
  | "incompatible"
  | "merged"
  | "moved"
  | "unconfirmed"
  | "failed"
  | "lost"
  | "left"
  | "forbidden"
  | "shutdown"
  | "replaced"
  | "stream_over"
  /** This device won the ring. */
  | "accepted"
  /** The client was closed, here or at the other end. */
  | "closed"
  /** A moderator turned this device away. */
  | "refused";

/** An offer that the other end can't apply. */
export interface Refused {
  /** Why, for logs and developers. */
  readonly reason: string;
}

/** The rules of a room. */
export interface RoomPolicy {
  /** Who does not moderate knocks and waits. */
  readonly lobby?: boolean;
  /** How many members it holds. */
  readonly size?: number;
  /** Unix time in ms before which nobody joins. */
  readonly opens?: number;
  /** Unix time in ms at which the room ends. */
  readonly closes?: number;
}

/** How something ended. It is a value: an end never rejects a promise named `ended`. */
export interface Ended {
  readonly reason: EndReason;
  /** Who ended it. */
  readonly by?: Peer | undefined;
  /** Which of your devices answered, declined or took over. */
  readonly device?: string | undefined;
  /** What the other end gave to `hangup(reason)`. */
  readonly detail?: string | undefined;
  /** The error that ended it, if there was one. */
  readonly error?: SwitchboardError | undefined;
}

export type Kind = "audio" | "video";
export type Flags = Readonly<Record<Kind, boolean>>;

/** What to send: media that is open already, constraints by which the call opens (and closes) its own, or nothing. */
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

/** `delivered`: how many devices got it. Only those who may watch the user learn that. */
export interface Sent {
  readonly delivered?: number | undefined;
}

/** One frame of the protocol, for debugging. Tokens, secrets, tickets and credentials are removed. */
export interface Frame {
  /** Unix time in ms. */
  readonly at: number;
  /** True when this client sent it. */
  readonly out: boolean;
  readonly frame: Readonly<Record<string, unknown>>;
}

/** Opens what carries frames to the server (`url`) and back. It may fail by `closed` at any time, and is then opened anew. */
export type OpenTransport = (url: string, events: TransportEvents) => Transport;

/** Carries frames: JSON objects, each as one message. */
export interface Transport {
  send(frame: object): void;
  close(code: number): void;
}

export interface TransportEvents {
  opened(): void;
  frame(frame: Readonly<Record<string, unknown>>): void;
  /** Called once. The code is 1006 when the server did not close. */
  closed(code: number, reason: string): void;
}

export interface ConnectOptions extends Cancel {
  /** A token, or a function that fetches one: called before each connect, and again at 80 % of the token's life. */
  readonly token: string | (() => string | Promise<string>);
  /** The server's address, http(s) or ws(s). Default: the page's origin. */
  readonly url?: string | undefined;
  /**
   * This device. In a page, `id` is made once for each tab and kept in `sessionStorage`, so that it survives reloads; elsewhere the
   * server makes one unless you give it. `kind` defaults to `browser` in pages and to `service` elsewhere.
   */
  readonly device?: {
    readonly id?: string | undefined;
    readonly kind?: string | undefined;
    readonly name?: string | undefined;
    readonly capabilities?: Capabilities | undefined;
  };
  /** Carries frames in place of a WebSocket: `@switchboard/client/mqtt` makes one. */
  readonly transport?: OpenTransport | undefined;
  /** A WebRTC implementation, where the platform has none, and settings for it. */
  readonly rtc?: Partial<Rtc> | undefined;
  /** What happens to calls when the page goes: `hangup` ends them; `keep` offers them after a reload, as rings with `resumed`. */
  readonly pageHide?: "hangup" | "keep" | undefined;
  /** Called with what the library does, for your log. */
  log?(level: "debug" | "info" | "warn", text: string, data?: object): void;
}

/** What the library needs of WebRTC. */
export interface Rtc {
  readonly RTCPeerConnection: new (config?: RTCConfiguration) => RTCPeerConnection;
  readonly MediaStream: new (tracks?: MediaStreamTrack[]) => MediaStream;
  /** Overrides the configuration that the server gives. */
  readonly config: RTCConfiguration;
  /** Called with each new connection before it is used: codecs, transforms. */
  setup(pc: RTCPeerConnection, call: Call): void;
}

/** Your link to the server. It reconnects and resumes by itself until it is `closed`. */
export interface Client
  extends Live<{ incoming: IncomingCall; message: Message; presence: Presence; frame: Frame }> {
  readonly state: "connecting" | "online" | "reconnecting" | "closed";
  /** Who you are, according to the server. Undefined until it is online for the first time. */
  readonly self: Peer | undefined;
  /** Resolves when the client is online for the first time. Rejects when it closes before that. */
  readonly ready: Promise<void>;
  /** Resolves when the client has closed, and never rejects. `error` says why, if the server or the token ended it. */
  readonly closed: Promise<Ended>;
  /** Unix time in ms of the next attempt to connect, while the client waits for one. */
  readonly retryAt: number | undefined;
  /** Calls that have not ended. */
  readonly calls: ReadonlySet<Call>;
  /** Rings that have not ended. */
  readonly rings: ReadonlySet<IncomingCall>;
  /** The presence of the watched users, as far as it is known. */
  readonly presence: ReadonlyMap<string, Presence>;
  /** Calls a user (`"bob"`) or a device (`"bob/phone"`). Without `media` it opens the camera and microphone that there are. */
  call(to: string, options?: CallOptions): Call;
  /**
   * Sends media to a stream of the media server (`"stream:lobby"` or `"lobby"`) until you stop it. Resolves once the media is open; the code
   * for streams is loaded then.
   */
  publish(stream: string, options?: PublishOptions): Promise<Broadcast>;
  /** Receives a stream of the media server: waits for one that isn't live, and comes back by itself. */
  view(stream: string, options?: ViewOptions): Promise<Viewing>;
  /** Enters a room. Without `media` you get its members and messages; with it, also a call to each member with media. */
  join(room: string, options?: JoinOptions): Room;
  /** Sends any JSON to a user, a device, or `room:NAME`. */
  send(to: string, body: unknown, options?: Cancel): Promise<Sent>;
  /** Follows the presence of these users until the returned function is called. */
  watch(users: readonly string[], options?: Cancel): () => void;
  /** Sets the status text that presence shows for this device. */
  setStatus(status: string): Promise<void>;
  /** Tries to connect now, if the client waits for the next attempt. */
  retry(): void;
  /** Ends all calls and the link. */
  close(): Promise<void>;
}

export interface CallOptions extends Cancel {
  readonly media?: Media | undefined;
  /** Any JSON. The other end gets it with the ring. */
  readonly data?: unknown;
  /** How long the call may ring, in ms; the server has a limit. */
  readonly timeout?: number | undefined;
}

export interface JoinOptions extends CallOptions {
  /** `mesh` (default with media): a call with each other member. `media`: through the media server. */
  readonly mode?: "mesh" | "media" | undefined;
}

/** A call that rings at this device. */
export interface IncomingCall extends Live {
  readonly id: string;
  readonly from: Peer;
  /** What the caller wants to exchange. */
  readonly wants: Flags;
  /** What the caller gave as `data`. */
  readonly data: unknown;
  /** How long it had been ringing when it reached this device, in ms. */
  readonly age: number;
  /** The device of your own that moves its call to this one. */
  readonly movedFrom: string | undefined;
  /** This is your own call from before a page reload: accepting continues it. */
  readonly resumed: boolean;
  /** Never rejects. `accepted`: this device answered. */
  readonly ended: Promise<Ended>;
  /**
   * Opens the media, then answers. A second call returns the same promise. Rejects with `answered_elsewhere` or similar when
   * another device was first, and closes the media that it opened. After an abort the call still rings.
   */
  accept(options?: CallOptions): Promise<Call>;
  /** Stops ringing at this device; with `everywhere`, at all devices of the user. */
  decline(options?: { readonly everywhere?: boolean; readonly reason?: "declined" | "busy" }): Promise<void>;
}

/**
 * A call. `refused`: the other end can't apply what this end wants to change (media, hold, a first data channel). The call goes on as
 * before, and tries again with the next change of either end.
 */
export interface Call extends Live<{ moved: Peer; channel: Channel; refused: Refused }> {
  /** The session's id. An outgoing call has none until the server has made it. */
  readonly id: string | undefined;
  readonly peer: Peer;
  readonly direction: "in" | "out";
  readonly state: "ringing" | "connecting" | "connected" | "reconnecting" | "ended";
  /** The other end's devices that ring, as far as you may see them. */
  readonly ringing: readonly Peer[];
  /** Resolves when media (or data) flows for the first time. Rejects when the call ends before that. */
  readonly connected: Promise<void>;
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  /** What the other end sends: one stream for the whole call, empty until media comes. */
  readonly remote: MediaStream;
  /** The other end's shared screen, while there is one. */
  readonly remoteScreen: MediaStream | undefined;
  /** Kinds that the other end does not send now: muted, on hold, or never there. */
  readonly remoteMuted: Flags;
  /** The other end's link to the server. `suspended` and `detached`: it lost its network, though media may still flow. */
  readonly peerLink: "live" | "suspended" | "detached";
  /** True while this end holds the call. */
  readonly held: boolean;
  readonly media: LocalMedia | undefined;
  /** The connection itself, for what this API does not offer. A move replaces it. */
  readonly pc: RTCPeerConnection | undefined;
  /** Sends other media from now on. */
  setMedia(media: Media): Promise<void>;
  /** The data channel of this label. It is the same at both ends, even if both open it, and outlives moves. */
  channel(label: string, options?: RTCDataChannelInit): Channel;
  /** Moves this end of the call to another device of yours. If it rejects with `move_failed`, nothing has changed. */
  move(device: string, options?: Cancel): Promise<void>;
  /** Puts the call on hold (no media in either direction), or resumes it. */
  hold(on?: boolean): Promise<void>;
  /** Sends telephone tones: `0`–`9`, `A`–`D`, `*`, `#`, `,` for a pause. */
  sendDigits(tones: string): void;
  /** Looks for a new network path. The library does so by itself when the path fails. */
  restartIce(): Promise<void>;
  /** Path and quality of the media since the last report. */
  stats(): Promise<CallStats>;
  /** Ends the call; while it rings, cancels it. The other end gets `reason` as `detail`. */
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

/** A data channel of a call. Read it with `for await`; it ends with the call. */
export interface Channel extends AsyncDisposable, AsyncIterable<string | ArrayBuffer> {
  readonly label: string;
  /** Sends a message. Waits for the connection, and while more than 1 MiB is unsent. */
  send(data: string | ArrayBuffer, options?: Cancel): Promise<void>;
  close(): Promise<void>;
}

/** Camera, microphone and screen: one source for many calls, all of which follow its changes. */
export interface LocalMedia extends Live {
  readonly stream: MediaStream;
  readonly screen: MediaStream | undefined;
  readonly muted: Flags;
  /** Mutes, or unmutes. A camera that the library opened is closed while it is muted, so that its light goes out. */
  mute(kind: Kind, on?: boolean): Promise<void>;
  /** Switches to another camera or microphone, to a track of your own, or (null) to none. */
  use(kind: Kind, source: MediaTrackConstraints | MediaStreamTrack | null): Promise<void>;
  /** Shares a screen or window; the browser asks the user which. */
  share(options?: DisplayMediaStreamOptions): Promise<MediaStream>;
  unshare(): void;
  /** Closes what the library opened. Your own tracks are left alone. */
  stop(): void;
}

/** A member of a room. */
export interface Member {
  readonly id: string;
  readonly peer: Peer;
  /** What the member gave to `join`. */
  readonly data: unknown;
  /** What the member sends: a stream that is empty until media comes. */
  readonly remote: MediaStream;
  /** Your call with the member, in a mesh. */
  readonly call: Call | undefined;
}

export interface Room extends Live<{ joined: Member; left: Member; knock: Member; message: Message }> {
  readonly name: string;
  readonly state: "joining" | "lobby" | "joined" | "left";
  /** The number of members. In a large room the list is not told, only this. */
  readonly count: number;
  /** The other members, by member id. */
  readonly members: ReadonlyMap<string, Member>;
  /** Those who wait in the lobby. Only moderators see them. */
  readonly knocking: ReadonlyMap<string, Member>;
  readonly moderator: boolean;
  readonly policy: RoomPolicy;
  /** Resolves when you are in the room, past the lobby. Rejects when you are refused or leave before that. */
  readonly ready: Promise<void>;
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  admit(member: Member): Promise<void>;
  /** Refuses somebody who waits in the lobby, or removes a member from the room. */
  refuse(member: Member): Promise<void>;
  /** Sets the rules of the room for as long as it exists. For moderators. */
  setPolicy(policy: RoomPolicy): Promise<void>;
  send(body: unknown, options?: Cancel): Promise<Sent>;
  leave(): Promise<void>;
}
