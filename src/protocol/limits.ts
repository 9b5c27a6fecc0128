/**
 * Every bound of the protocol, with its default. All are settings of the server (`limits.*`); those in
 * {@link toldLimits} also stand in `welcome`, because a client must know them. Times are milliseconds, sizes bytes.
 */
export const defaultLimits = {
  /** Largest frame from a client after hello. */
  frameBytes: 65_536,
  /** Largest frame before hello was accepted. */
  helloBytes: 16_384,
  /** Time to say hello after the transport opened. */
  helloTimeout: 10_000,
  /** Largest SDP in a description. */
  sdpBytes: 49_152,
  /** Most candidates in one frame. */
  candidates: 64,
  /** Most candidates of one direction that the server holds back before accept, or before their description. */
  heldCandidates: 256,
  /** Largest `body` of send and `data` of call, as JSON. */
  bodyBytes: 16_384,
  /** Requests of one link that may be without a reply at a time. */
  requestsInFlight: 64,
  /** Requests a second that a link may send on average, and the burst above that; twice as many frames close it. */
  requestsPerSecond: 200,
  requestsBurst: 400,
  /** Bytes a second that a transport may send on average, and the burst above that; who sends more is closed. */
  bytesPerSecond: 4_194_304,
  bytesBurst: 8_388_608,
  /** New transports a second per address, and the burst above that. */
  connectsPerSecond: 50,
  connectsBurst: 200,
  /** Transports of an address that may be closed for a flood a minute, and the burst above that; then newcomers must wait. */
  floodsPerMinute: 30,
  floodsBurst: 5,
  /** HTTP requests a second per address, whatever they are for, and the burst above that. */
  httpRequestsPerSecond: 500,
  httpRequestsBurst: 2_000,
  /** Calls a minute that one user may start, and the burst above that. */
  callsPerMinute: 60,
  callsBurst: 30,
  /** Transports from one address; transports of the node that have not said hello. */
  linksPerAddress: 1_000,
  openTransports: 10_000,
  /** Links of the node, suspended ones included. */
  links: 200_000,
  /** Devices of one user, each with one link; a newcomer displaces the one that is suspended longest. */
  devicesPerUser: 16,
  /** Calls that ring between one caller and one callee; that ring at one callee. */
  ringsPerPair: 2,
  ringsPerCallee: 16,
  /** Sessions of one device, whatever their state; of the node. */
  sessionsPerDevice: 64,
  sessions: 100_000,
  /** Users that one link may watch, and as many streams. */
  watches: 1_000,
  /** Rooms that one link may be in. */
  rooms: 50,
  /** Deliveries a second that one user's messages to rooms may cause, and the burst above that. */
  deliveriesPerSecond: 20_000,
  deliveriesBurst: 40_000,
  /** Members of a room without a size of its own; of a mesh. */
  roomSize: 10_000,
  meshSize: 16,
  /** A room with more members than this tells its count, not its list. */
  roomList: 64,
  /** Rooms of the node. */
  roomsTotal: 50_000,
  /** Frames and bytes that one link keeps for replay; bytes that all links of the node keep. */
  logFrames: 512,
  logBytes: 262_144,
  logBytesTotal: 536_870_912,
  /** Bytes that a transport may have unsent before it is closed as slow. */
  sendBuffer: 1_048_576,
  /** How long a suspended link can be resumed. */
  resumeWindow: 90_000,
  /** Silence after which a live link is suspended; quiet after which the server pings. */
  silence: 30_000,
  pingAfter: 20_000,
  /** A device that was not heard for this long is shown offline. */
  offlineAfter: 60_000,
  /** A node that was not heard for this long is given up by the others. The same at every node. */
  nodeSilence: 30_000,
  /** How long a call rings when it does not say; the most that it may say. */
  ringTimeout: 55_000,
  ringTimeoutMax: 120_000,
  /** A call whose callee has no device at all ends after this. */
  unreachableAfter: 5_000,
  /** Time for the caller to confirm an accept. */
  confirmTimeout: 10_000,
  /** How long a leg may be detached from any link. */
  detachedTimeout: 300_000,
  /** Time for a move to connect. */
  moveTimeout: 30_000,
  /** How long a call's key names the same call. */
  keyTtl: 600_000,
  /** Keys that one user may have remembered. */
  keysPerUser: 256,
  /** Life of a ticket. */
  ticketTtl: 86_400_000,
  /** Presence changes of a user are told at most this often. */
  presenceInterval: 100,
  /** Viewers and bitrates of a stream are told at most this often; that it goes live or changes its layers, as presence is. */
  streamInterval: 1_000,
} as const satisfies Record<string, number>;

export type Limits = { readonly [name in keyof typeof defaultLimits]: number };

/** The limits that `welcome` tells. */
export const toldLimits = [
  "frameBytes",
  "sdpBytes",
  "candidates",
  "bodyBytes",
  "requestsInFlight",
  "requestsPerSecond",
  "watches",
  "rooms",
  "resumeWindow",
  "silence",
  "ringTimeout",
  "confirmTimeout",
  "detachedTimeout",
] as const satisfies readonly (keyof typeof defaultLimits)[];
