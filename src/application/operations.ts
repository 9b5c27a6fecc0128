// Written by `npm run docs` from the operations of the HTTP API; do not edit.

/** What each operation takes and answers. */
export interface Operations {
  /** Makes a token for a user. */
  readonly createToken: {
    readonly input: {
      readonly user: string;
      readonly device?: string;
      readonly guest?: boolean;
      readonly grants?: {
        readonly call?: readonly string[];
        readonly join?: readonly string[];
        readonly moderate?: readonly string[];
        readonly publish?: readonly string[];
        readonly view?: readonly string[];
        readonly send?: readonly string[];
        readonly watch?: readonly string[];
      };
      readonly lifetime?: number;
    };
    readonly output: { readonly token: string; readonly expires: number };
  };
  /** Sends a message to a user, a device or a room. */
  readonly sendMessage: {
    readonly input: { readonly to: string; readonly from?: string; readonly body: unknown };
    readonly output: { readonly delivered?: number };
  };
  /** Users who are signed in. */
  readonly listUsers: {
    readonly input: { readonly limit?: number; readonly cursor?: string };
    readonly output: {
      readonly items: readonly {
        readonly user: string;
        readonly online: boolean;
        readonly devices: readonly {
          readonly user: string;
          readonly device: string;
          readonly kind: string;
          readonly name?: string;
          readonly status?: string;
          readonly online: boolean;
          readonly protocol: string;
          readonly node: string;
          readonly guest: boolean;
          readonly sessions: number;
        }[];
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** A user, with the devices that are signed in. */
  readonly getUser: {
    readonly input: { readonly user: string };
    readonly output: {
      readonly user: string;
      readonly online: boolean;
      readonly devices: readonly {
        readonly user: string;
        readonly device: string;
        readonly kind: string;
        readonly name?: string;
        readonly status?: string;
        readonly online: boolean;
        readonly protocol: string;
        readonly node: string;
        readonly guest: boolean;
        readonly sessions: number;
      }[];
      readonly partial?: readonly string[];
    };
  };
  /** Signs a user out everywhere. */
  readonly kickUser: {
    readonly input: { readonly user: string };
    readonly output: { readonly links: number; readonly partial?: readonly string[] };
  };
  /** Devices that are signed in. */
  readonly listDevices: {
    readonly input: { readonly limit?: number; readonly cursor?: string; readonly user?: string };
    readonly output: {
      readonly items: readonly {
        readonly user: string;
        readonly device: string;
        readonly kind: string;
        readonly name?: string;
        readonly status?: string;
        readonly online: boolean;
        readonly protocol: string;
        readonly node: string;
        readonly guest: boolean;
        readonly sessions: number;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** A device that is signed in. */
  readonly getDevice: {
    readonly input: { readonly user: string; readonly device: string };
    readonly output: {
      readonly user: string;
      readonly device: string;
      readonly kind: string;
      readonly name?: string;
      readonly status?: string;
      readonly online: boolean;
      readonly protocol: string;
      readonly node: string;
      readonly guest: boolean;
      readonly sessions: number;
    };
  };
  /** Signs one device out. */
  readonly kickDevice: {
    readonly input: { readonly user: string; readonly device: string };
    readonly output: { readonly links: number; readonly partial?: readonly string[] };
  };
  /** The secret of a device that carries no token. */
  readonly getDeviceSecret: {
    readonly input: { readonly user: string; readonly device: string };
    readonly output: { readonly login: string; readonly secret: string };
  };
  /** The devices of a user that can be woken. */
  readonly listPushRegistrations: {
    readonly input: { readonly user: string };
    readonly output: {
      readonly items: readonly {
        readonly user: string;
        readonly device: string;
        readonly kind: "webPush" | "application";
        readonly at: number;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Registers how a device is woken. */
  readonly putPushRegistration: {
    readonly input: {
      readonly user: string;
      readonly device: string;
      readonly webPush?: {
        readonly endpoint: string;
        readonly keys: { readonly p256dh: string; readonly auth: string; readonly [name: string]: unknown };
        readonly [name: string]: unknown;
      };
      readonly application?: unknown;
    };
    readonly output: undefined;
  };
  /** The device is not woken any more. */
  readonly deletePushRegistration: {
    readonly input: { readonly user: string; readonly device: string };
    readonly output: undefined;
  };
  /** Sessions that live. */
  readonly listSessions: {
    readonly input: {
      readonly limit?: number;
      readonly cursor?: string;
      readonly user?: string;
      readonly kind?: "call" | "mesh" | "publish" | "view";
      readonly state?: "ringing" | "answering" | "active";
    };
    readonly output: {
      readonly items: readonly {
        readonly session: string;
        readonly kind: "call" | "mesh" | "publish" | "view";
        readonly state: "ringing" | "answering" | "active" | "ended";
        readonly from: string;
        readonly to: string;
        readonly room?: string;
        readonly node: string;
        readonly age: number;
        readonly connectedFor?: number;
        readonly moving: boolean;
        readonly generations: number;
        readonly legs: readonly {
          readonly user: string;
          readonly device: string;
          readonly side: "caller" | "callee";
          readonly link: "live" | "suspended" | "detached";
          readonly alerting: boolean;
          readonly state?: string;
        }[];
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Connects two parties. */
  readonly connectParties: {
    readonly input: {
      readonly from: string;
      readonly to: string;
      readonly media?: {
        readonly audio?: boolean;
        readonly video?: boolean;
        readonly data?: boolean;
        readonly [name: string]: unknown;
      };
      readonly data?: unknown;
      readonly timeout?: number;
    };
    readonly output: { readonly session: string };
  };
  /** A session that lives. */
  readonly getSession: {
    readonly input: { readonly session: string };
    readonly output: {
      readonly session: string;
      readonly kind: "call" | "mesh" | "publish" | "view";
      readonly state: "ringing" | "answering" | "active" | "ended";
      readonly from: string;
      readonly to: string;
      readonly room?: string;
      readonly node: string;
      readonly age: number;
      readonly connectedFor?: number;
      readonly moving: boolean;
      readonly generations: number;
      readonly legs: readonly {
        readonly user: string;
        readonly device: string;
        readonly side: "caller" | "callee";
        readonly link: "live" | "suspended" | "detached";
        readonly alerting: boolean;
        readonly state?: string;
      }[];
    };
  };
  /** Hangs up. */
  readonly endSession: {
    readonly input: { readonly session: string };
    readonly output: undefined;
  };
  /** Moves a user's end of a call to another of the user's devices. */
  readonly moveSession: {
    readonly input: { readonly session: string; readonly user: string; readonly device: string };
    readonly output: undefined;
  };
  /** Restarts ICE. */
  readonly restartSession: {
    readonly input: { readonly session: string };
    readonly output: undefined;
  };
  /** Streams that are live, or whose publisher is waited for. */
  readonly listStreams: {
    readonly input: { readonly limit?: number; readonly cursor?: string };
    readonly output: {
      readonly items: readonly {
        readonly stream: string;
        readonly live: boolean;
        readonly viewers: number;
        readonly layers: readonly { readonly [name: string]: unknown }[];
        readonly codecs: { readonly [name: string]: unknown };
        readonly pushes: readonly {
          readonly id: string;
          readonly stream: string;
          readonly kind: "rtmp" | "whip";
          readonly to: string;
          readonly by: "rule" | "request";
          readonly state: "waiting" | "connecting" | "live";
          readonly since: number;
          readonly failures: number;
          readonly failure?: string;
        }[];
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** A stream. */
  readonly getStream: {
    readonly input: { readonly stream: string };
    readonly output: {
      readonly stream: string;
      readonly live: boolean;
      readonly viewers: number;
      readonly layers: readonly { readonly [name: string]: unknown }[];
      readonly codecs: { readonly [name: string]: unknown };
      readonly pushes: readonly {
        readonly id: string;
        readonly stream: string;
        readonly kind: "rtmp" | "whip";
        readonly to: string;
        readonly by: "rule" | "request";
        readonly state: "waiting" | "connecting" | "live";
        readonly since: number;
        readonly failures: number;
        readonly failure?: string;
      }[];
    };
  };
  /** Ends a stream. */
  readonly endStream: {
    readonly input: { readonly stream: string };
    readonly output: undefined;
  };
  /** Where a stream is pushed to. */
  readonly listPushes: {
    readonly input: { readonly stream: string };
    readonly output: {
      readonly items: readonly {
        readonly id: string;
        readonly stream: string;
        readonly kind: "rtmp" | "whip";
        readonly to: string;
        readonly by: "rule" | "request";
        readonly state: "waiting" | "connecting" | "live";
        readonly since: number;
        readonly failures: number;
        readonly failure?: string;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Pushes a live stream to another server, until it is over. */
  readonly addPush: {
    readonly input: { readonly stream: string; readonly to: string; readonly token?: string };
    readonly output: {
      readonly id: string;
      readonly stream: string;
      readonly kind: "rtmp" | "whip";
      readonly to: string;
      readonly by: "rule" | "request";
      readonly state: "waiting" | "connecting" | "live";
      readonly since: number;
      readonly failures: number;
      readonly failure?: string;
    };
  };
  /** Ends a push. */
  readonly removePush: {
    readonly input: { readonly stream: string; readonly push: string };
    readonly output: undefined;
  };
  /** The keys that publish a stream. */
  readonly listStreamKeys: {
    readonly input: { readonly stream: string };
    readonly output: {
      readonly items: readonly { readonly id: string; readonly stream: string; readonly created: number }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Makes a key that publishes a stream. */
  readonly addStreamKey: {
    readonly input: { readonly stream: string };
    readonly output: { readonly id: string; readonly key: string };
  };
  /** Revokes a key; who publishes with it is cut. */
  readonly revokeStreamKey: {
    readonly input: { readonly stream: string; readonly key: string };
    readonly output: undefined;
  };
  /** Signs a link that publishes or views a stream. */
  readonly signStreamLink: {
    readonly input: {
      readonly stream: string;
      readonly action: "publish" | "view";
      readonly lifetime: number;
    };
    readonly output: { readonly path: string; readonly expires: number };
  };
  /** Rooms that somebody is in. */
  readonly listRooms: {
    readonly input: { readonly limit?: number; readonly cursor?: string };
    readonly output: {
      readonly items: readonly {
        readonly room: string;
        readonly node: string;
        readonly policy: {
          readonly lobby?: boolean;
          readonly size?: number;
          readonly opens?: number;
          readonly closes?: number;
        };
        readonly members: readonly {
          readonly member: string;
          readonly user: string;
          readonly device: string;
          readonly state: "joined" | "lobby";
          readonly moderator: boolean;
        }[];
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** A room, with its members and its lobby. */
  readonly getRoom: {
    readonly input: { readonly room: string };
    readonly output: {
      readonly room: string;
      readonly node: string;
      readonly policy: {
        readonly lobby?: boolean;
        readonly size?: number;
        readonly opens?: number;
        readonly closes?: number;
      };
      readonly members: readonly {
        readonly member: string;
        readonly user: string;
        readonly device: string;
        readonly state: "joined" | "lobby";
        readonly moderator: boolean;
      }[];
    };
  };
  /** Opens a room: its window, its size and its lobby. */
  readonly openRoom: {
    readonly input: {
      readonly room: string;
      readonly lobby?: boolean;
      readonly size?: number;
      readonly opens?: number;
      readonly closes?: number;
    };
    readonly output: {
      readonly room: string;
      readonly policy: {
        readonly lobby?: boolean;
        readonly size?: number;
        readonly opens?: number;
        readonly closes?: number;
      };
    };
  };
  /** Sends everybody out. */
  readonly closeRoom: {
    readonly input: { readonly room: string };
    readonly output: undefined;
  };
  /** Lets somebody in who waits in the lobby. */
  readonly admitMember: {
    readonly input: { readonly room: string; readonly member: string };
    readonly output: undefined;
  };
  /** Turns somebody away who waits or is in. */
  readonly removeMember: {
    readonly input: { readonly room: string; readonly member: string };
    readonly output: undefined;
  };
  /** Sessions that are over, the newest first. */
  readonly listRecords: {
    readonly input: {
      readonly limit?: number;
      readonly cursor?: string;
      readonly user?: string;
      readonly from?: number;
      readonly to?: number;
      readonly reason?: string;
      readonly cause?: string;
    };
    readonly output: {
      readonly items: readonly {
        readonly session: string;
        readonly node: string;
        readonly kind: "call" | "mesh" | "publish" | "view";
        readonly state: "ringing" | "active" | "ended" | "refused";
        readonly caller: { readonly user: string; readonly device?: string };
        readonly callee: { readonly user: string; readonly device?: string };
        readonly room?: string;
        readonly startedAt: number;
        readonly acceptedAt?: number;
        readonly connectedAt?: number;
        readonly endedAt?: number;
        readonly reason?: string;
        readonly cause?: string;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** A session with its ladder and its diagnosis, also while it lives. */
  readonly getRecord: {
    readonly input: { readonly session: string };
    readonly output: {
      readonly session: string;
      readonly node: string;
      readonly kind: "call" | "mesh" | "publish" | "view";
      readonly state: "ringing" | "active" | "ended" | "refused";
      readonly caller: { readonly user: string; readonly device?: string };
      readonly callee: { readonly user: string; readonly device?: string };
      readonly room?: string;
      readonly startedAt: number;
      readonly acceptedAt?: number;
      readonly connectedAt?: number;
      readonly endedAt?: number;
      readonly reason?: string;
      readonly placed?: "from" | "to";
      readonly legs: readonly {
        readonly user: string;
        readonly device: string;
        readonly [name: string]: unknown;
      }[];
      readonly restarts: number;
      readonly ladder: readonly {
        readonly at: number;
        readonly from: string;
        readonly to: string;
        readonly type: string;
        readonly outcome?: string;
        readonly [name: string]: unknown;
      }[];
      readonly skippedRows: number;
      readonly diagnosis: readonly {
        readonly code: string;
        readonly certainty: "certain" | "likely" | "unknown";
        readonly text: string;
        readonly advice: string;
        readonly rows: readonly number[];
      }[];
      readonly [name: string]: unknown;
    };
  };
  /** Everything that is kept of a user's sessions, the newest first. */
  readonly exportRecords: {
    readonly input: { readonly user: string; readonly limit?: number; readonly cursor?: string };
    readonly output: {
      readonly items: readonly {
        readonly session: string;
        readonly node: string;
        readonly kind: "call" | "mesh" | "publish" | "view";
        readonly state: "ringing" | "active" | "ended" | "refused";
        readonly caller: { readonly user: string; readonly device?: string };
        readonly callee: { readonly user: string; readonly device?: string };
        readonly room?: string;
        readonly startedAt: number;
        readonly acceptedAt?: number;
        readonly connectedAt?: number;
        readonly endedAt?: number;
        readonly reason?: string;
        readonly placed?: "from" | "to";
        readonly legs: readonly {
          readonly user: string;
          readonly device: string;
          readonly [name: string]: unknown;
        }[];
        readonly restarts: number;
        readonly ladder: readonly {
          readonly at: number;
          readonly from: string;
          readonly to: string;
          readonly type: string;
          readonly outcome?: string;
          readonly [name: string]: unknown;
        }[];
        readonly skippedRows: number;
        readonly diagnosis: readonly {
          readonly code: string;
          readonly certainty: "certain" | "likely" | "unknown";
          readonly text: string;
          readonly advice: string;
          readonly rows: readonly number[];
        }[];
        readonly [name: string]: unknown;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Removes every record that names a user. */
  readonly eraseRecords: {
    readonly input: { readonly user: string };
    readonly output: { readonly records: number; readonly partial?: readonly string[] };
  };
  /** What was done by this API at this node, the newest first. */
  readonly listAudit: {
    readonly input: { readonly limit?: number; readonly before?: number };
    readonly output: {
      readonly items: readonly {
        readonly at: number;
        readonly actor: string;
        readonly act: string;
        readonly subject: string;
        readonly detail?: string;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Where events are sent. */
  readonly listWebhooks: {
    readonly input: Record<string, never>;
    readonly output: {
      readonly items: readonly {
        readonly id: string;
        readonly url: string;
        readonly events?: readonly string[];
        readonly created?: number;
        readonly fixed: boolean;
        readonly disabled: boolean;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Sends events to a URL from now on, from all nodes. */
  readonly createWebhook: {
    readonly input: { readonly url: string; readonly events?: readonly string[] };
    readonly output: { readonly id: string; readonly secret: string };
  };
  /** Sends nothing more to an endpoint, and forgets what waits for it. */
  readonly deleteWebhook: {
    readonly input: { readonly webhook: string };
    readonly output: undefined;
  };
  /** Makes a new secret; the former one signs as well for a while. */
  readonly rotateWebhook: {
    readonly input: { readonly webhook: string; readonly overlap?: number };
    readonly output: { readonly secret: string };
  };
  /** Events that an endpoint has not taken yet, or never took, the oldest first. */
  readonly listDeliveries: {
    readonly input: { readonly webhook: string; readonly limit?: number; readonly dead?: boolean };
    readonly output: {
      readonly items: readonly {
        readonly id: string;
        readonly type: string;
        readonly created: number;
        readonly attempts: number;
        readonly due?: number;
        readonly dead: boolean;
        readonly failure?: string;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Sends events again that were given up: one, or those of a range of time. */
  readonly retryDeliveries: {
    readonly input: {
      readonly webhook: string;
      readonly delivery?: string;
      readonly from?: number;
      readonly to?: number;
    };
    readonly output: { readonly deliveries: number; readonly partial?: readonly string[] };
  };
  /** What goes on in the whole cluster: the sums of all nodes. */
  readonly getStatistics: {
    readonly input: Record<string, never>;
    readonly output: {
      readonly nodes: number;
      readonly partial?: readonly string[];
      readonly [name: string]: unknown;
    };
  };
  /** The nodes of the cluster, each with what goes on there. */
  readonly listNodes: {
    readonly input: { readonly limit?: number; readonly cursor?: string };
    readonly output: {
      readonly items: readonly {
        readonly node: string;
        readonly version: string;
        readonly draining: boolean;
        readonly [name: string]: unknown;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Samples of the last hour of a node, for graphs. */
  readonly getHistory: {
    readonly input: { readonly node: string; readonly since?: number };
    readonly output: {
      readonly node: string;
      readonly every: number;
      readonly at: readonly number[];
      readonly series: { readonly [name: string]: readonly number[] };
    };
  };
  /** The settings in force at a node, without secrets. */
  readonly listSettings: {
    readonly input: { readonly node: string };
    readonly output: {
      readonly items: readonly { readonly path: string; readonly value: string; readonly given: boolean }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** The key that the request carries. */
  readonly getOwnKey: {
    readonly input: Record<string, never>;
    readonly output: {
      readonly id: string;
      readonly scopes: readonly (
        | "tokens:write"
        | "devices:read"
        | "devices:write"
        | "sessions:read"
        | "sessions:write"
        | "streams:read"
        | "streams:write"
        | "rooms:read"
        | "rooms:write"
        | "messages:write"
        | "records:read"
        | "records:write"
        | "audit:read"
        | "events:read"
        | "webhooks:read"
        | "webhooks:write"
        | "server:read"
        | "server:write"
        | "keys:read"
        | "keys:write"
      )[];
      readonly development: boolean;
    };
  };
  /** Sends every device to another node, and ends the process. */
  readonly drainNode: {
    readonly input: { readonly node: string };
    readonly output: undefined;
  };
  /** The keys of this API, without what is secret. */
  readonly listApiKeys: {
    readonly input: Record<string, never>;
    readonly output: {
      readonly items: readonly {
        readonly id: string;
        readonly name: string;
        readonly scopes: readonly (
          | "tokens:write"
          | "devices:read"
          | "devices:write"
          | "sessions:read"
          | "sessions:write"
          | "streams:read"
          | "streams:write"
          | "rooms:read"
          | "rooms:write"
          | "messages:write"
          | "records:read"
          | "records:write"
          | "audit:read"
          | "events:read"
          | "webhooks:read"
          | "webhooks:write"
          | "server:read"
          | "server:write"
          | "keys:read"
          | "keys:write"
        )[];
        readonly created: number;
        readonly expires?: number;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Makes a key. It is shown this once. */
  readonly createApiKey: {
    readonly input: {
      readonly name: string;
      readonly scopes: readonly (
        | "tokens:write"
        | "devices:read"
        | "devices:write"
        | "sessions:read"
        | "sessions:write"
        | "streams:read"
        | "streams:write"
        | "rooms:read"
        | "rooms:write"
        | "messages:write"
        | "records:read"
        | "records:write"
        | "audit:read"
        | "events:read"
        | "webhooks:read"
        | "webhooks:write"
        | "server:read"
        | "server:write"
        | "keys:read"
        | "keys:write"
      )[];
      readonly expires?: number;
    };
    readonly output: { readonly id: string; readonly key: string };
  };
  /** Revokes a key at once. */
  readonly revokeApiKey: {
    readonly input: { readonly key: string };
    readonly output: undefined;
  };
  /** The keys of public pages. */
  readonly listPublishableKeys: {
    readonly input: Record<string, never>;
    readonly output: {
      readonly items: readonly {
        readonly id: string;
        readonly name: string;
        readonly target: string;
        readonly origins: readonly string[];
        readonly perMinute: number;
        readonly perAddress: number;
        readonly lifetime: number;
        readonly created: number;
        readonly expires?: number;
      }[];
      readonly next?: string;
      readonly partial?: readonly string[];
    };
  };
  /** Makes a key for a public page. It is shown this once. */
  readonly createPublishableKey: {
    readonly input: {
      readonly name: string;
      readonly target: string;
      readonly origins: readonly string[];
      readonly perMinute?: number;
      readonly perAddress?: number;
      readonly lifetime?: number;
      readonly expires?: number;
    };
    readonly output: { readonly id: string; readonly key: string };
  };
  /** Revokes a key of public pages at once. */
  readonly revokePublishableKey: {
    readonly input: { readonly key: string };
    readonly output: undefined;
  };
}

/** The method and path of each operation, below `/api/v1`. */
export const paths: Readonly<Record<keyof Operations, string>> = {
  createToken: "POST /tokens",
  sendMessage: "POST /messages",
  listUsers: "GET /users",
  getUser: "GET /users/{user}",
  kickUser: "POST /users/{user}/kick",
  listDevices: "GET /devices",
  getDevice: "GET /devices/{user}/{device}",
  kickDevice: "POST /devices/{user}/{device}/kick",
  getDeviceSecret: "POST /devices/{user}/{device}/secret",
  listPushRegistrations: "GET /users/{user}/push",
  putPushRegistration: "PUT /devices/{user}/{device}/push",
  deletePushRegistration: "DELETE /devices/{user}/{device}/push",
  listSessions: "GET /sessions",
  connectParties: "POST /sessions",
  getSession: "GET /sessions/{session}",
  endSession: "DELETE /sessions/{session}",
  moveSession: "POST /sessions/{session}/move",
  restartSession: "POST /sessions/{session}/restart",
  listStreams: "GET /streams",
  getStream: "GET /streams/{stream}",
  endStream: "POST /streams/{stream}/end",
  listPushes: "GET /streams/{stream}/pushes",
  addPush: "POST /streams/{stream}/pushes",
  removePush: "DELETE /streams/{stream}/pushes/{push}",
  listStreamKeys: "GET /streams/{stream}/keys",
  addStreamKey: "POST /streams/{stream}/keys",
  revokeStreamKey: "DELETE /streams/{stream}/keys/{key}",
  signStreamLink: "POST /streams/{stream}/links",
  listRooms: "GET /rooms",
  getRoom: "GET /rooms/{room}",
  openRoom: "PUT /rooms/{room}",
  closeRoom: "POST /rooms/{room}/close",
  admitMember: "POST /rooms/{room}/members/{member}/admit",
  removeMember: "POST /rooms/{room}/members/{member}/remove",
  listRecords: "GET /records",
  getRecord: "GET /records/{session}",
  exportRecords: "GET /users/{user}/records",
  eraseRecords: "DELETE /users/{user}/records",
  listAudit: "GET /audit",
  listWebhooks: "GET /webhooks",
  createWebhook: "POST /webhooks",
  deleteWebhook: "DELETE /webhooks/{webhook}",
  rotateWebhook: "POST /webhooks/{webhook}/rotate",
  listDeliveries: "GET /webhooks/{webhook}/deliveries",
  retryDeliveries: "POST /webhooks/{webhook}/retry",
  getStatistics: "GET /statistics",
  listNodes: "GET /nodes",
  getHistory: "GET /nodes/{node}/history",
  listSettings: "GET /nodes/{node}/settings",
  getOwnKey: "GET /key",
  drainNode: "POST /nodes/{node}/drain",
  listApiKeys: "GET /api-keys",
  createApiKey: "POST /api-keys",
  revokeApiKey: "DELETE /api-keys/{key}",
  listPublishableKeys: "GET /publishable-keys",
  createPublishableKey: "POST /publishable-keys",
  revokePublishableKey: "DELETE /publishable-keys/{key}",
};
