import { fail, ok, type Result } from "../../shared/result.ts";
import {
  attribute,
  attributes,
  bundle,
  type Direction,
  direction,
  inherited,
  isRejected,
  mediaLine,
  mid,
} from "../../wire/sdp/attributes.ts";
import { type MediaSection, parseDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import type { RemoteTransport } from "../service.ts";
import { type OfferedExtension, offeredExtensions, withoutCollisions } from "./header-extension.ts";
import { type OfferedCodec, offeredCodecs } from "./offered-codec.ts";
import { type OfferedSources, offeredSources } from "./offered-sources.ts";

/** Why an offer is refused, in words for an RFC 9457 problem document. */
export interface OfferProblem {
  /** 400: the offer is malformed. 406: there is no codec in common. 422: the offer is valid, but needs what this server does not do. */
  readonly status: 400 | 406 | 422;
  /** What is wrong, and what to change. */
  readonly detail: string;
}

/** One section of an offer. */
export interface OfferedMedia {
  readonly kind: "audio" | "video" | "other";
  readonly mid: string;
  /** The peer doesn't want it: its port is 0. Sections other than audio and video are rejected by the answer. */
  readonly rejected: boolean;
  readonly direction: Direction;
  readonly codecs: readonly OfferedCodec[];
  readonly extensions: readonly OfferedExtension[];
  readonly sources: OfferedSources;
  /** RTCP of reduced size may be sent (RFC 5506). */
  readonly reducedSize: boolean;
  /** Header extensions of more than 16 bytes are understood (RFC 8285 §6). */
  readonly mixedHeaders: boolean;
  readonly section: MediaSection;
}

/** An offer of WHIP or WHEP: all media on one transport. */
export interface MediaOffer {
  readonly transport: RemoteTransport;
  readonly media: readonly OfferedMedia[];
}

/** Sections of one offer. */
const mostSections = 8;
const fingerprintBytes: Readonly<Record<string, number>> = { "sha-512": 64, "sha-384": 48, "sha-256": 32 };

/** Reads an offer. It must use BUNDLE and rtcp-mux for all of its media (RFC 9725 §4.5, draft-ietf-wish-whep §4.4). */
export function parseOffer(text: string): Result<MediaOffer, OfferProblem> {
  if (text.split("\nm=", mostSections + 2).length > mostSections + 1)
    return problem(
      422,
      `The offer has more than ${mostSections} m= sections. Offer one audio and one video section.`,
    );
  const description = parseDescription(text);
  if (description === undefined)
    return problem(400, "The body is not a session description (RFC 8866): send the SDP offer as it is.");
  // What the answer says of a section is what the offer said: such a byte would end a line of it (RFC 8866 §9).
  if (description.media.some(({ lines }) => /[\0\r]/.test(lines[0] ?? "")))
    return problem(400, "An m= line has a byte that no line of SDP may have.");
  if (description.media.length === 0)
    return problem(400, "The offer has no m= section. Offer one audio or one video section, or both.");
  if (attribute(description.session, "ice-lite") !== undefined)
    return problem(422, "The offer has a=ice-lite, and so does this server. Offer with full ICE.");
  const media = unambiguous(description.media.map((section) => readSection(description, section)));
  const used = media.filter(({ kind, rejected }) => kind !== "other" && !rejected);
  const wrong = checkSections(used, bundle(description));
  if (wrong !== undefined) return fail(wrong);
  const tag = bundle(description).find((name) => used.some((one) => one.mid === name));
  const tagged = used.find((one) => one.mid === tag) ?? used[0];
  if (tagged === undefined)
    return problem(422, "The offer has no audio or video section in use. Offer one of them, or both.");
  const transport = readTransport(description, tagged.section);
  return transport.ok ? ok({ transport: transport.value, media }) : transport;
}

export function readSection(description: SessionDescription, section: MediaSection): OfferedMedia {
  const { kind } = mediaLine(section);
  const isMedia = kind === "audio" || kind === "video";
  return {
    kind: isMedia ? kind : "other",
    mid: mid(section)?.trimEnd() ?? "",
    rejected: isRejected(section),
    direction: direction(description, section),
    codecs: isMedia ? offeredCodecs(section) : [],
    extensions: isMedia ? offeredExtensions(section) : [],
    sources: offeredSources(section),
    reducedSize: attribute(section.lines, "rtcp-rsize") !== undefined,
    mixedHeaders: [section.lines, description.session].some(
      (lines) => attribute(lines, "extmap-allow-mixed") !== undefined,
    ),
    section,
  };
}

/** The same sections, in which no id of a header extension has two meanings. */
function unambiguous(media: readonly OfferedMedia[]): OfferedMedia[] {
  const extensions = withoutCollisions(media.map((one) => one.extensions));
  return media.map((one, n) => ({ ...one, extensions: extensions[n] ?? [] }));
}

/** Checks the sections that carry media. A single one needs no BUNDLE group, since there is nothing to bundle. */
function checkSections(used: readonly OfferedMedia[], group: readonly string[]): OfferProblem | undefined {
  for (const { mid: name, kind, section } of used) {
    const { protocol } = mediaLine(section);
    if (!/^[\w!#$%&'*+.^`{|}~-]{1,16}$/.test(name))
      return { status: 400, detail: "An m= section has no valid a=mid: it needs 1 to 16 token characters." };
    if (used.some((other) => other.mid === name && other.section !== section))
      return { status: 400, detail: "Two m= sections have the same a=mid. Give each its own." };
    if (used.some((other) => other.kind === kind && other.section !== section))
      return { status: 422, detail: `The offer has more than one ${kind} section. Offer one.` };
    if (!/^((UDP|TCP)\/TLS\/)?RTP\/SAVPF?$/.test(protocol))
      return {
        status: 422,
        detail: `The ${kind} section has the profile ${printable(protocol)}. Offer UDP/TLS/RTP/SAVPF.`,
      };
    if (used.length > 1 && !group.includes(name))
      return {
        status: 422,
        detail: `The ${kind} section is not in the BUNDLE group. Offer all media in one group (bundlePolicy "max-bundle").`,
      };
    if (attribute(section.lines, "rtcp-mux") === undefined)
      return {
        status: 422,
        detail: `The ${kind} section has no a=rtcp-mux. Offer RTP and RTCP on one port.`,
      };
  }
  return undefined;
}

export function readTransport(
  description: SessionDescription,
  section: MediaSection,
): Result<RemoteTransport, OfferProblem> {
  const ufrag = inherited(description, section, "ice-ufrag")?.trimEnd() ?? "";
  const pwd = inherited(description, section, "ice-pwd")?.trimEnd() ?? "";
  if (!isIceUfrag(ufrag) || !isIcePwd(pwd))
    return problem(400, "a=ice-ufrag or a=ice-pwd is missing or malformed (RFC 8839 §5.4).");
  const fingerprints = readFingerprints(description, section);
  if (!fingerprints.ok) return fingerprints;
  const setup = inherited(description, section, "setup")?.trim();
  if (setup !== "actpass" && setup !== "active" && setup !== "passive")
    return problem(400, "a=setup is missing, or is not actpass, active or passive (RFC 8842 §5.2).");
  const dtlsRole = setup === "passive" ? "client" : "server";
  return ok({ ufrag, pwd, fingerprints: fingerprints.value, dtlsRole });
}

/** The fingerprints of the strongest hash that the offer has; those of the section, else those of the session (RFC 8122 §5). */
function readFingerprints(
  description: SessionDescription,
  section: MediaSection,
): Result<string[], OfferProblem> {
  const own = attributes(section.lines, "fingerprint");
  const written = own.length > 0 ? own : attributes(description.session, "fingerprint");
  if (written.length === 0)
    return problem(400, "The offer has no a=fingerprint. Offer media with DTLS-SRTP (RFC 5763).");
  const known: { readonly hash: string; readonly value: string }[] = [];
  for (const line of written) {
    const [hash = "", value = "", ...rest] = line.trim().split(/\s+/);
    const bytes = fingerprintBytes[hash.toLowerCase()];
    if (bytes === undefined) continue;
    if (rest.length > 0 || !/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(value) || value.length !== 3 * bytes - 1)
      return problem(
        400,
        `The a=fingerprint with ${hash.toLowerCase()} is malformed: it needs ${bytes} bytes in hex.`,
      );
    known.push({ hash: hash.toLowerCase(), value: value.toUpperCase() });
  }
  const strongest = Object.keys(fingerprintBytes).find((hash) => known.some((one) => one.hash === hash));
  if (strongest === undefined)
    return problem(422, "No a=fingerprint has a hash that is accepted. Offer sha-256, sha-384 or sha-512.");
  const values = known.filter(({ hash }) => hash === strongest).map(({ hash, value }) => `${hash} ${value}`);
  return ok([...new Set(values)].slice(0, 8));
}

/** True for an ICE username fragment (RFC 8839 §5.4); a little more than its characters is let through. */
export function isIceUfrag(text: string): boolean {
  return /^[A-Za-z0-9+/=_-]{4,256}$/.test(text);
}

/** True for an ICE password (RFC 8839 §5.4). */
export function isIcePwd(text: string): boolean {
  return /^[A-Za-z0-9+/=_-]{22,256}$/.test(text);
}

/** A piece of an offer for an error text. */
function printable(text: string): string {
  return text.slice(0, 40).replaceAll(/[^\x20-\x7e]/g, "?");
}

export function problem(status: OfferProblem["status"], detail: string): Result<never, OfferProblem> {
  return fail({ status, detail });
}
