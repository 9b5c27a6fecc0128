/** What may be asked of a device. The defaults are those of a browser. */
export interface Capabilities {
  /** Sends and takes candidates after the description. Default true. */
  readonly trickle?: boolean;
  /** Which descriptions it can make. Default `both`. */
  readonly sdpRole?: "both" | "offer-only" | "answer-only";
  /** It can't ring before it has the caller's offer. Default false. */
  readonly needsOffer?: boolean;
  /** Bundles what it is offered. False: an offer to it has a transport for each section. Default true. */
  readonly bundle?: boolean;
  /** Which later offers it takes. Default `full`. */
  readonly renegotiation?: "full" | "hold-only" | "none";
  /** Can be asked to restart ICE. Default true. */
  readonly iceRestart?: boolean;
  /** Says when it is alerting. Default true. */
  readonly ringing?: boolean;
  /** Says when it hangs up. Default true. */
  readonly hangup?: boolean;
  /** Reports the state of its connection. Default true. */
  readonly reports?: boolean;
  /** A call dies without a data channel. Default false. */
  readonly needsData?: boolean;
  /** Sessions that it can hold at once. */
  readonly maxSessions?: number;
  /** The largest description that it takes, in bytes. */
  readonly maxSdpBytes?: number;
  /** The most candidates that it takes for one description. */
  readonly maxCandidates?: number;
  /** Its calls survive the loss of its link. Default true. */
  readonly detachable?: boolean;
  /** It takes part in glare. Of two devices that don't, both calls go on. Default true; this library does. */
  readonly glare?: boolean;
  /** Its offers may be refused: it goes back to what stood before. Default false; this library sets it. */
  readonly refusals?: boolean;
}
