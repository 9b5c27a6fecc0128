import { candidateText, parseCandidate, type TrickleCandidate } from "../../../wire/sdp/candidate.ts";
import { element, type XmlElement } from "../xml.ts";
import { namespaces } from "./namespaces.ts";
import { decimal, isToken } from "./tokens.ts";

/**
 * A candidate as the element of XEP-0176 §5.3. Undefined for what is no candidate. `rel-addr`, `rel-port` and `tcptype` are kept; other
 * extensions are browsers' own.
 */
export function candidateElement(written: string): XmlElement | undefined {
  const fields = parseCandidate(written);
  if (fields === undefined) return undefined;
  const [foundation, , , , , , , , ...rest] = candidateText(written)
    .slice("candidate:".length)
    .trim()
    .split(" ");
  const more = new Map<string, string>();
  for (let at = 0; at + 1 < rest.length; at += 2) more.set(rest[at] ?? "", rest[at + 1] ?? "");
  const { component, transport, priority, address, port, type } = fields;
  return element("candidate", namespaces.iceUdp, {
    component: String(component),
    foundation,
    generation: more.get("generation") ?? "0",
    // It has to be unique within a session, and no browser has one.
    id: `c${component}-${port}-${priority}`,
    ip: address,
    network: more.get("network-id") ?? "0",
    port: String(port),
    priority: String(priority),
    protocol: transport,
    "rel-addr": more.get("raddr"),
    "rel-port": more.get("rport"),
    tcptype: more.get("tcptype"),
    type,
  });
}

/** The text `candidate:…` of a candidate element. Undefined where a field is missing or malformed. */
function candidateOf({ attributes: at }: XmlElement): string | undefined {
  const { foundation, ip, type } = at;
  const protocol = at.protocol?.toLowerCase();
  const component = decimal(at.component, 256);
  const priority = decimal(at.priority, 0xffff_ffff);
  const port = decimal(at.port, 0xffff);
  if (!isToken(foundation, 64) || !isToken(ip) || !isToken(type, 16) || !isToken(protocol, 16))
    return undefined;
  if (component === undefined || component === 0 || priority === undefined || port === undefined)
    return undefined;
  let text = `candidate:${foundation} ${component} ${protocol} ${priority} ${ip} ${port} typ ${type}`;
  const related = decimal(at["rel-port"], 0xffff);
  if (isToken(at["rel-addr"]) && related !== undefined) text += ` raddr ${at["rel-addr"]} rport ${related}`;
  if (isToken(at.tcptype, 16)) text += ` tcptype ${at.tcptype}`;
  if (decimal(at.generation, 255) !== undefined) text += ` generation ${at.generation}`;
  return text;
}

/** The candidates of a transport, for a content of that name. RTCP has none of its own: it is multiplexed. */
export function candidatesOf(transport: XmlElement, content: string): TrickleCandidate[] {
  const ufrag = transport.attributes.ufrag;
  const about = { sdpMid: content, ...(isToken(ufrag) ? { usernameFragment: ufrag } : {}) };
  const found: TrickleCandidate[] = [];
  for (const one of transport.children) {
    if (typeof one === "string" || one.name !== "candidate" || one.attributes.component !== "1") continue;
    const candidate = candidateOf(one);
    if (candidate !== undefined) found.push({ candidate, ...about });
  }
  return found;
}
