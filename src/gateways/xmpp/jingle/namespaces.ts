/** The namespaces of Jingle's parts that are spoken here. */
export const namespaces = {
  /** XEP-0166 */
  jingle: "urn:xmpp:jingle:1",
  errors: "urn:xmpp:jingle:errors:1",
  /** XEP-0167 */
  rtp: "urn:xmpp:jingle:apps:rtp:1",
  rtpInfo: "urn:xmpp:jingle:apps:rtp:info:1",
  /** XEP-0176 */
  iceUdp: "urn:xmpp:jingle:transports:ice-udp:1",
  /** XEP-0293 */
  feedback: "urn:xmpp:jingle:apps:rtp:rtcp-fb:0",
  /** XEP-0294 */
  headerExtensions: "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0",
  /** XEP-0320 */
  dtls: "urn:xmpp:jingle:apps:dtls:0",
  /** XEP-0338 */
  grouping: "urn:xmpp:jingle:apps:grouping:0",
  /** XEP-0339 */
  sources: "urn:xmpp:jingle:apps:rtp:ssma:0",
  /** XEP-0343 */
  sctp: "urn:xmpp:jingle:transports:dtls-sctp:1",
  /** `a=msid`, an extension of stanza. */
  msid: "urn:xmpp:jingle:apps:rtp:msid:0",
  /** XEP-0353 */
  message: "urn:xmpp:jingle-message:0",
  /** XEP-0334 */
  hints: "urn:xmpp:hints",
  /** RFC 6120 §8.3 */
  stanzaErrors: "urn:ietf:params:xml:ns:xmpp-stanzas",
} as const;
