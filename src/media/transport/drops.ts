/** Why something that came was dropped. */
const dropReasons = [
  /** The first byte is none of STUN, DTLS, RTP and RTCP (RFC 7983). */
  "not_media",
  /** DTLS or media from an address that has passed no check. */
  "unknown_sender",
  "malformed_stun",
  /** A check with a USERNAME of no peer. */
  "unknown_ufrag",
  /** A check whose MESSAGE-INTEGRITY or FINGERPRINT is wrong. */
  "forged_check",
  /** A check that was authentic and was answered with an error: a role conflict, or attributes that we don't know. */
  "refused_check",
  /** A check from an address that another peer uses. */
  "path_taken",
  /** A Binding response to nothing that we asked. */
  "unasked_answer",
  /** DTLS by a path that isn't the one in use, and on which the peer hasn't answered us. */
  "dtls_elsewhere",
  /** ClientHellos for which too many handshakes were half-open already. */
  "dtls_refused",
  /** Records of DTLS that were forged, repeated or out of date, and messages that were wrong. */
  "dtls_dropped",
  /** SRTP before there were keys. */
  "before_keys",
  "malformed_media",
  "forged_media",
  "replayed_media",
  "too_many_sources",
  /** A connection of ICE-TCP whose frames are too long, or that says something else before its first check. */
  "tcp_malformed",
  /** One on which no check has passed in time. */
  "tcp_no_check",
  /** One whose peer doesn't read, so that not even STUN and DTLS can be sent. */
  "tcp_not_reading",
] as const;
export type DropReason = (typeof dropReasons)[number];

/** Counts what is dropped, by reason. */
export class Drops {
  readonly counts: Record<DropReason, number>;

  constructor() {
    this.counts = Object.fromEntries(dropReasons.map((reason) => [reason, 0])) as Record<DropReason, number>;
  }

  count(reason: DropReason, times = 1): void {
    this.counts[reason] += times;
  }
}
