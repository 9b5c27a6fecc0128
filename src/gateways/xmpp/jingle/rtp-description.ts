import { fail, ok, type Result } from "../../../shared/result.ts";
import type { MediaLine } from "../../../wire/sdp/attributes.ts";
import { child, element, elements, type XmlElement } from "../xml.ts";
import { fault, type JingleFault } from "./faults.ts";
import { namespaces } from "./namespaces.ts";
import { directionOf, type Party, sendersOf } from "./senders.ts";
import { decimal, isLineText, isToken } from "./tokens.ts";

const { rtp, feedback, headerExtensions, sources, msid } = namespaces;

/**
 * How a format parameter without a name is written, as in `a=fmtp:110 0-15`. `name`: as the name of a parameter, which stanza does and
 * understands; `value`: as its value, with an empty name, which Conversations does and needs.
 */
export type BareParameters = "name" | "value";

interface Payload {
  rtpmap?: string;
  readonly parameters: XmlElement[];
  readonly feedback: XmlElement[];
}

/** The description of XEP-0167 for a media section that `author` has written. */
export function rtpDescription(
  { kind, formats }: MediaLine,
  lines: readonly string[],
  author: Party,
  bare: BareParameters,
): XmlElement {
  const payloads = new Map<string, Payload>();
  for (const id of formats.split(" ")) payloads.set(id, { parameters: [], feedback: [] });
  const before: XmlElement[] = [];
  const after: XmlElement[] = [];
  const ssrcs = new Map<string, XmlElement[]>();
  const groups: XmlElement[] = [];
  let ptime: string | undefined;
  let maxptime: string | undefined;
  for (const line of lines) {
    if (line.startsWith("b=")) {
      const [type = "", value = ""] = line.slice(2).split(":");
      before.push(element("bandwidth", rtp, { type }, value));
      continue;
    }
    if (!line.startsWith("a=")) continue;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line.slice(2) : line.slice(2, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1);
    const space = value.indexOf(" ");
    const first = space < 0 ? value : value.slice(0, space);
    const rest = space < 0 ? "" : value.slice(space + 1);
    switch (name) {
      case "rtpmap": {
        const payload = payloads.get(first);
        if (payload !== undefined) payload.rtpmap = rest;
        break;
      }
      case "fmtp":
        payloads.get(first)?.parameters.push(...parameterElements(rest, bare));
        break;
      case "rtcp-fb":
        (first === "*" ? before : payloads.get(first)?.feedback)?.push(feedbackElement(rest));
        break;
      case "extmap":
        after.push(extensionElement(first, rest, author));
        break;
      case "extmap-allow-mixed":
        after.push(element(name, headerExtensions));
        break;
      case "rtcp-mux":
        before.unshift(element(name, rtp));
        break;
      case "rtcp-rsize":
        before.push(element("rtcp-reduced-size", rtp));
        break;
      case "ptime":
        ptime = value;
        break;
      case "maxptime":
        maxptime = value;
        break;
      case "ssrc": {
        const [key = "", ...text] = rest.split(":");
        const known = ssrcs.get(first) ?? [];
        ssrcs.set(first, known);
        known.push(element("parameter", sources, { name: key, value: text.join(":") || undefined }));
        break;
      }
      case "ssrc-group": {
        const members = rest.split(" ").map((ssrc) => element("source", sources, { ssrc }));
        groups.push(element(name, sources, { semantics: first }, ...members));
        break;
      }
      case "msid":
        after.push(element("stream", msid, { id: first, track: rest || undefined }));
        break;
      default:
    }
  }
  const types = [...payloads].map(([id, payload]) => {
    const [codec, clockrate, channels] = payload.rtpmap?.split("/") ?? [];
    const attributes = { id, name: codec, clockrate, channels, ptime, maxptime };
    return element("payload-type", rtp, attributes, ...payload.parameters, ...payload.feedback);
  });
  const described = [...ssrcs].map(([ssrc, parameters]) =>
    element("source", sources, { ssrc }, ...parameters),
  );
  const [ssrc] = ssrcs.keys();
  return element(
    "description",
    rtp,
    { media: kind, ssrc },
    ...before,
    ...types,
    ...after,
    ...described,
    ...groups,
  );
}

function parameterElements(text: string, bare: BareParameters): XmlElement[] {
  const found: XmlElement[] = [];
  for (const part of text.split(";")) {
    const one = part.trim();
    if (one === "") continue;
    const at = one.indexOf("=");
    if (at >= 0) found.push(element("parameter", rtp, { name: one.slice(0, at), value: one.slice(at + 1) }));
    else found.push(element("parameter", rtp, bare === "name" ? { name: one } : { name: "", value: one }));
  }
  return found;
}

function feedbackElement(text: string): XmlElement {
  const [type = "", ...rest] = text.split(" ");
  const subtype = rest.length === 0 ? undefined : rest.join(" ");
  return type === "trr-int"
    ? element("rtcp-fb-trr-int", feedback, { value: subtype })
    : element("rtcp-fb", feedback, { type, subtype });
}

function extensionElement(first: string, rest: string, author: Party): XmlElement {
  const [id, direction] = first.split("/");
  const [uri] = rest.split(" ");
  const senders =
    direction === "sendonly" || direction === "recvonly" || direction === "inactive"
      ? sendersOf(direction, author)
      : undefined;
  return element("rtp-hdrext", headerExtensions, { id, uri, senders });
}

/** The formats of a description, and its lines of a media section that `author` has written. */
export interface RtpLines {
  readonly formats: string;
  readonly lines: readonly string[];
}

/** Formats of a section; more are refused. */
const mostFormats = 128;

/**
 * The SDP of a description. What is optional and malformed is left out; without a payload type that can be written there is no
 * section.
 */
export function rtpLines(description: XmlElement, author: Party): Result<RtpLines, JingleFault> {
  const formats: string[] = [];
  const lines: string[] = [];
  const later: string[] = [];
  const ssrcs: string[] = [];
  const groups: string[] = [];
  let streams = 0;
  let ptime: number | undefined;
  let maxptime: number | undefined;
  for (const one of elements(description)) {
    const { name, ns, attributes: at } = one;
    if (ns === rtp && name === "payload-type") {
      const id = decimal(at.id, 127);
      if (id === undefined) return fail(fault("bad-request", "a payload type has no id"));
      if (formats.length === mostFormats || formats.includes(String(id))) continue;
      formats.push(String(id));
      lines.push(...payloadLines(String(id), one));
      ptime ??= decimal(at.ptime, 10_000);
      maxptime ??= decimal(at.maxptime, 10_000);
    } else if (ns === rtp && name === "rtcp-mux") later.push("a=rtcp-mux");
    else if (ns === rtp && name === "rtcp-reduced-size") later.push("a=rtcp-rsize");
    else if (ns === feedback) lines.push(...feedbackLines("*", one));
    else if (ns === headerExtensions) later.push(...extensionLines(one, author));
    else if (ns === sources && name === "source") ssrcs.push(...sourceLines(one));
    else if (ns === sources && name === "ssrc-group") groups.push(...groupLines(one));
    else if (ns === msid && name === "stream" && isToken(at.id)) {
      streams++;
      later.push(isToken(at.track) ? `a=msid:${at.id} ${at.track}` : `a=msid:${at.id}`);
    }
  }
  if (formats.length === 0)
    return fail(fault("unsupported-applications", "a description has no payload types"));
  if (ptime !== undefined) lines.push(`a=ptime:${ptime}`);
  if (maxptime !== undefined) lines.push(`a=maxptime:${maxptime}`);
  // Clients without the extension name their stream by its source alone.
  const named = streams > 0 ? undefined : ssrcs.find((line) => / msid:[!-~]+ [!-~]+$/.test(line));
  if (named !== undefined) later.push(`a=msid:${named.slice(named.indexOf(" msid:") + 6)}`);
  ssrcs.push(...undescribed(groups, ssrcs));
  return ok({ formats: formats.join(" "), lines: [...lines, ...later, ...groups, ...ssrcs] });
}

function payloadLines(id: string, { attributes: at, children }: XmlElement): string[] {
  const lines: string[] = [];
  const clockrate = decimal(at.clockrate, 0xffff_ffff);
  const channels = decimal(at.channels, 255);
  if (isToken(at.name, 64) && !at.name.includes("/")) {
    const many = channels !== undefined && channels > 1 ? `/${channels}` : "";
    lines.push(`a=rtpmap:${id} ${at.name}/${clockrate ?? 8_000}${many}`);
  }
  const parameters: string[] = [];
  for (const one of children) {
    if (typeof one === "string") continue;
    if (one.ns === feedback) lines.push(...feedbackLines(id, one));
    else if (one.ns === rtp && one.name === "parameter") {
      const { name = "", value = "" } = one.attributes;
      if (!isLineText(name, 256) || !isLineText(value) || (name === "" && value === "")) continue;
      parameters.push(name === "" ? value : value === "" ? name : `${name}=${value}`);
    }
  }
  if (parameters.length > 0) lines.push(`a=fmtp:${id} ${parameters.join(";")}`);
  return lines;
}

function feedbackLines(id: string, { name, attributes: { type, subtype, value } }: XmlElement): string[] {
  if (name === "rtcp-fb-trr-int")
    return decimal(value, 0xffff_ffff) === undefined ? [] : [`a=rtcp-fb:${id} trr-int ${value}`];
  if (name !== "rtcp-fb" || !isToken(type, 64)) return [];
  return [`a=rtcp-fb:${id} ${type}${subtype !== undefined && isLineText(subtype, 64) ? ` ${subtype}` : ""}`];
}

function extensionLines({ name, attributes: at }: XmlElement, author: Party): string[] {
  if (name === "extmap-allow-mixed") return ["a=extmap-allow-mixed"];
  const id = decimal(at.id, 4_351);
  if (name !== "rtp-hdrext" || id === undefined || !isToken(at.uri, 256)) return [];
  const direction = at.senders === undefined ? undefined : directionOf(at.senders, author);
  const way = direction === undefined || direction === "sendrecv" ? "" : `/${direction}`;
  return [`a=extmap:${id}${way} ${at.uri}`];
}

function sourceLines(source: XmlElement): string[] {
  const ssrc = decimal(source.attributes.ssrc, 0xffff_ffff);
  if (ssrc === undefined) return [];
  const lines: string[] = [];
  for (const one of elements(source)) {
    const { name, value = "" } = one.attributes;
    if (one.name !== "parameter" || !isToken(name, 64) || !isLineText(value, 256)) continue;
    lines.push(value === "" ? `a=ssrc:${ssrc} ${name}` : `a=ssrc:${ssrc} ${name}:${value}`);
  }
  return lines;
}

function groupLines(group: XmlElement): string[] {
  const { semantics } = group.attributes;
  const members = elements(group).map(({ attributes }) => decimal(attributes.ssrc, 0xffff_ffff));
  if (!isToken(semantics, 16) || members.length === 0 || members.includes(undefined)) return [];
  return [`a=ssrc-group:${semantics} ${members.join(" ")}`];
}

/**
 * Lines for the members of groups that nothing is said of: stanza leaves all sources out but the first. They are of the same stream as
 * the others (RFC 4588 §5.3), and Chromium takes no group whose members have no CNAME.
 */
function undescribed(groups: readonly string[], ssrcs: readonly string[]): string[] {
  const cname = ssrcs.find((line) => line.includes(" cname:"))?.split(" cname:", 2)[1];
  if (cname === undefined) return [];
  const known = new Set(ssrcs.map((line) => line.slice("a=ssrc:".length).split(" ", 1)[0]));
  const members = new Set(groups.flatMap((group) => group.split(" ").slice(1)));
  return [...members].filter((one) => !known.has(one)).map((one) => `a=ssrc:${one} cname:${cname}`);
}

/** The description of a content, if it is one of XEP-0167 with audio or video. */
export function rtpDescriptionOf(content: XmlElement): XmlElement | undefined {
  const description = child(content, "description", rtp);
  const media = description?.attributes.media;
  return media === "audio" || media === "video" ? description : undefined;
}
