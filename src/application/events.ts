// Written by `npm run docs` from the catalog of events; do not edit.

/** The `data` of each event. */
export interface Events {
  /** A device came online. A resume is none. */
  readonly "device.online": { readonly user: string; readonly device: string; readonly node: string };
  /** A device went offline. */
  readonly "device.offline": { readonly user: string; readonly device: string; readonly node: string };
  /** The first device of a user came online at this node. */
  readonly "user.online": { readonly user: string; readonly node: string };
  /** The last device of a user went offline at this node. */
  readonly "user.offline": { readonly user: string; readonly node: string };
  /** A call rings, or another session has begun. */
  readonly "session.started": {
    readonly session: string;
    readonly n: number;
    readonly kind: "call" | "mesh" | "publish" | "view";
    readonly caller: { readonly user: string; readonly device: string };
    readonly callee: { readonly user: string; readonly device?: string };
    readonly room?: string;
  };
  /** A device of the callee alerts its person. */
  readonly "session.ringing": {
    readonly session: string;
    readonly n: number;
    readonly kind: "call" | "mesh" | "publish" | "view";
    readonly caller: { readonly user: string; readonly device: string };
    readonly callee: { readonly user: string; readonly device?: string };
    readonly room?: string;
    readonly device: string;
  };
  /** A device answered, and the caller confirmed it. */
  readonly "session.accepted": {
    readonly session: string;
    readonly n: number;
    readonly kind: "call" | "mesh" | "publish" | "view";
    readonly caller: { readonly user: string; readonly device: string };
    readonly callee: { readonly user: string; readonly device?: string };
    readonly room?: string;
    readonly device: string;
  };
  /** Media flows: the first end reports it. */
  readonly "session.connected": {
    readonly session: string;
    readonly n: number;
    readonly kind: "call" | "mesh" | "publish" | "view";
    readonly caller: { readonly user: string; readonly device: string };
    readonly callee: { readonly user: string; readonly device?: string };
    readonly room?: string;
  };
  /** ICE is restarted. */
  readonly "session.restarted": {
    readonly session: string;
    readonly n: number;
    readonly kind: "call" | "mesh" | "publish" | "view";
    readonly caller: { readonly user: string; readonly device: string };
    readonly callee: { readonly user: string; readonly device?: string };
    readonly room?: string;
    readonly by: string;
  };
  /** The session went over to another device of the same user. */
  readonly "session.moved": {
    readonly session: string;
    readonly n: number;
    readonly kind: "call" | "mesh" | "publish" | "view";
    readonly caller: { readonly user: string; readonly device: string };
    readonly callee: { readonly user: string; readonly device?: string };
    readonly room?: string;
    readonly user: string;
    readonly from: string;
    readonly to: string;
  };
  /** The session is over. Each session that was started has exactly one. */
  readonly "session.ended": {
    readonly session: string;
    readonly n: number;
    readonly kind: "call" | "mesh" | "publish" | "view";
    readonly caller: { readonly user: string; readonly device: string };
    readonly callee: { readonly user: string; readonly device?: string };
    readonly room?: string;
    readonly reason: string;
    readonly by?: { readonly user: string; readonly device: string };
    readonly startedAt: string;
    readonly acceptedAt?: string;
    readonly connectedAt?: string;
    readonly endedAt: string;
    readonly cause?: string;
  };
  /** A publisher is live. */
  readonly "stream.started": {
    readonly stream: string;
    readonly session: string;
    readonly publisher: { readonly user: string; readonly device: string };
  };
  /** A publisher is no longer live. */
  readonly "stream.ended": {
    readonly stream: string;
    readonly session: string;
    readonly publisher: { readonly user: string; readonly device: string };
    readonly reason: string;
  };
  /** Somebody came to a room that nobody was in. */
  readonly "room.opened": { readonly room: string };
  /** A device waits in the lobby of a room. */
  readonly "room.knocked": {
    readonly room: string;
    readonly member: string;
    readonly user: string;
    readonly device: string;
  };
  /** A device is in a room, at once or let in from the lobby. */
  readonly "room.joined": {
    readonly room: string;
    readonly member: string;
    readonly user: string;
    readonly device: string;
    readonly moderator: boolean;
  };
  /** A device is no longer in a room or its lobby. */
  readonly "room.left": {
    readonly room: string;
    readonly member: string;
    readonly user: string;
    readonly device: string;
    readonly state: "joined" | "lobby";
    readonly reason: "left" | "offline" | "replaced" | "closed" | "refused" | "forbidden" | "shutdown";
  };
  /** Nobody is in the room any more. */
  readonly "room.closed": { readonly room: string; readonly reason: string };
  /** A device has sent a message of the application's. Only with the setting `messageEvents`; a message that the API sends makes none. */
  readonly "message.sent": {
    readonly from: { readonly user: string; readonly device: string };
    readonly to: string;
    readonly body?: unknown;
  };
  /** The target of a push takes the stream. */
  readonly "push.started": {
    readonly stream: string;
    readonly push: string;
    readonly kind: "rtmp" | "whip";
    readonly to: string;
  };
  /** A push has ended, or its first attempt has failed: others follow, and are not told of before one succeeds. */
  readonly "push.failed": {
    readonly stream: string;
    readonly push: string;
    readonly kind: "rtmp" | "whip";
    readonly to: string;
    readonly reason: string;
  };
  /** A push is over, since its stream is, or since it was removed. */
  readonly "push.ended": {
    readonly stream: string;
    readonly push: string;
    readonly kind: "rtmp" | "whip";
    readonly to: string;
    readonly reason: "over" | "removed";
  };
  /** A user is called, none of the user's devices is connected, and this one has asked the application to wake it. Send its push at once, urgent, with `session`, `caller`, `left` and `ticket`. */
  readonly "wake.needed": {
    readonly session: string;
    readonly user: string;
    readonly device: string;
    readonly caller: { readonly user: string; readonly device: string };
    readonly left: number;
    readonly ticket: string;
    readonly data?: unknown;
  };
  /** A push that should have woken a device was not taken. */
  readonly "wake.failed": {
    readonly session: string;
    readonly user: string;
    readonly device: string;
    readonly failure: string;
  };
  /** A server started. */
  readonly "node.up": { readonly node: string };
  /** A server takes no more devices and sends those that it has elsewhere. */
  readonly "node.draining": { readonly node: string };
  /** A server stops. One that was killed sends none. */
  readonly "node.down": { readonly node: string };
}
