/** The namespaces of what the gateway speaks itself. Those of calls are Jingle's. */
export const namespaces = {
  /** RFC 7395 */
  framing: "urn:ietf:params:xml:ns:xmpp-framing",
  /** RFC 6120 */
  streamErrors: "urn:ietf:params:xml:ns:xmpp-streams",
  stanzaErrors: "urn:ietf:params:xml:ns:xmpp-stanzas",
  sasl: "urn:ietf:params:xml:ns:xmpp-sasl",
  bind: "urn:ietf:params:xml:ns:xmpp-bind",
  /** RFC 3921 §3: nothing to do, but some clients ask for it. */
  session: "urn:ietf:params:xml:ns:xmpp-session",
  /** RFC 6121 */
  roster: "jabber:iq:roster",
  /** XEP-0030 */
  discoInfo: "http://jabber.org/protocol/disco#info",
  discoItems: "http://jabber.org/protocol/disco#items",
  /** XEP-0054 */
  vcard: "vcard-temp",
  /** XEP-0092 */
  version: "jabber:iq:version",
  /** XEP-0115 */
  caps: "http://jabber.org/protocol/caps",
  /** XEP-0198 */
  sm: "urn:xmpp:sm:3",
  /** XEP-0199 */
  ping: "urn:xmpp:ping",
  /** XEP-0203 */
  delay: "urn:xmpp:delay",
  /** XEP-0215 */
  extdisco: "urn:xmpp:extdisco:2",
  /** XEP-0280 */
  carbons: "urn:xmpp:carbons:2",
  /** XEP-0297 */
  forward: "urn:xmpp:forward:0",
  /** XEP-0335 */
  json: "urn:xmpp:json:0",
  /** XEP-0352 */
  csi: "urn:xmpp:csi:0",
} as const;
