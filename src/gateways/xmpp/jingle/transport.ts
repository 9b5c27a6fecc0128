import { fail, ok, type Result } from "../../../shared/result.ts";
import {
  attribute,
  attributes,
  iceCredentials,
  inherited,
  type MediaLine,
} from "../../../wire/sdp/attributes.ts";
import type { MediaSection, SessionDescription } from "../../../wire/sdp/description.ts";
import { child, children, element, text, type XmlElement } from "../xml.ts";
import { candidateElement, candidatesOf } from "./candidate.ts";
import { fault, type JingleFault } from "./faults.ts";
import { namespaces } from "./namespaces.ts";
import { decimal, isToken } from "./tokens.ts";

const { iceUdp, dtls, sctp } = namespaces;

/** The ufrag and password of an ICE agent. */
export interface Credentials {
  readonly ufrag: string;
  readonly pwd: string;
}

/** The transport of XEP-0176 for a section: credentials, fingerprints (XEP-0320), data channels (XEP-0343), and candidates. */
export function transportOf(
  description: SessionDescription,
  section: MediaSection,
  line: MediaLine,
): XmlElement {
  const { lines } = section;
  const setup = inherited(description, section, "setup");
  const own = attributes(lines, "fingerprint");
  const fingerprints = own.length > 0 ? own : attributes(description.session, "fingerprint");
  return element(
    "transport",
    iceUdp,
    { ...iceCredentials(description, section) },
    ...fingerprints.map((value) => {
      const [hash, digest] = value.split(" ");
      return element("fingerprint", dtls, { hash, setup }, digest ?? "");
    }),
    line.kind === "application" ? sctpElement(line, lines) : undefined,
    ...attributes(lines, "candidate").map(candidateElement),
  );
}

/** RFC 8841 says the port in `a=sctp-port`, its drafts in the format of the `m=` line. */
function sctpElement({ formats }: MediaLine, lines: readonly string[]): XmlElement {
  const number = attribute(lines, "sctp-port") ?? formats;
  const streams = attribute(lines, "sctpmap")?.split(" ")[2] ?? "65535";
  return element("sctpmap", sctp, { number, protocol: "webrtc-datachannel", streams });
}

/** The credentials of a transport. Undefined without both. */
export function credentialsOf({ attributes: { ufrag, pwd } }: XmlElement): Credentials | undefined {
  return isToken(ufrag, 256) && isToken(pwd, 256) ? { ufrag, pwd } : undefined;
}

/** The transport of a content; undefined for one that isn't XEP-0176's. */
export function iceTransport(content: XmlElement): XmlElement | undefined {
  return child(content, "transport", iceUdp);
}

/** The port of data channels, if the transport has them. */
export function sctpPort(transport: XmlElement): number | undefined {
  return decimal(child(transport, "sctpmap", sctp)?.attributes.number, 0xffff);
}

const roles: readonly string[] = ["actpass", "active", "passive"];

/**
 * The lines of a section for a transport, its candidates among them. `answers`: an answer says which DTLS role it takes (RFC 8842 §5.3);
 * without a word that is `active`.
 */
export function transportLines(
  transport: XmlElement,
  content: string,
  answers: boolean,
): Result<readonly string[], JingleFault> {
  const credentials = credentialsOf(transport);
  if (credentials === undefined) return fail(fault("bad-request", `content ${content} has no ufrag and pwd`));
  const fingerprints: string[] = [];
  let setup: string | undefined;
  for (const one of children(transport, "fingerprint", dtls)) {
    const { hash } = one.attributes;
    const digest = text(one).trim();
    if (!isToken(hash, 16) || !/^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}$/.test(digest)) continue;
    fingerprints.push(`a=fingerprint:${hash.toLowerCase()} ${digest.toUpperCase()}`);
    setup ??= one.attributes.setup;
  }
  if (fingerprints.length === 0)
    return fail(
      fault("security-error", `content ${content} has no fingerprint: media must be encrypted by DTLS`),
    );
  setup ??= answers ? "active" : "actpass";
  if (!roles.includes(setup) || (answers && setup === "actpass"))
    return fail(fault("security-error", `content ${content} can't have setup="${setup.slice(0, 16)}" here`));
  return ok([
    `a=ice-ufrag:${credentials.ufrag}`,
    `a=ice-pwd:${credentials.pwd}`,
    "a=ice-options:trickle",
    ...fingerprints,
    `a=setup:${setup}`,
    ...candidatesOf(transport, content).map(({ candidate }) => `a=${candidate}`),
  ]);
}

/** The section with these credentials in place of its own, and without candidates. */
export function withCredentials(section: MediaSection, { ufrag, pwd }: Credentials): MediaSection {
  const kept = section.lines.filter(
    (line) => !/^a=(ice-ufrag:|ice-pwd:|candidate:|end-of-candidates$)/.test(line),
  );
  return { lines: [...kept, `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`] };
}
