import type { Candidate, Description } from "../../../protocol/values.ts";
import type { Result } from "../../../shared/result.ts";
import { iceCredentials, isRejected, mediaLine } from "../../../wire/sdp/attributes.ts";
import { stripCandidates } from "../../../wire/sdp/candidates.ts";
import { parseDescription, type SessionDescription } from "../../../wire/sdp/description.ts";
import { unbundledAnswer } from "../../../wire/sdp/unbundled-answer.ts";
import { element, type XmlElement } from "../xml.ts";
import { candidateElement, candidatesOf } from "./candidate.ts";
import { withDeclinedSections } from "./declined-sections.ts";
import { contentName, contentSections, type Dialect, toContents, toDescription } from "./description.ts";
import type { JingleFault } from "./faults.ts";
import { namespaces } from "./namespaces.ts";
import { otherParty, type Party } from "./senders.ts";
import { credentialsOf, iceTransport, transportOf } from "./transport.ts";

const { jingle, iceUdp } = namespaces;

/** What a transport-info brings. */
export interface TransportNews {
  readonly candidates: readonly Candidate[];
  readonly complete: boolean;
  /** New credentials by the names of contents: an ICE restart. */
  readonly restart: ReadonlyMap<string, { readonly ufrag: string; readonly pwd: string }> | undefined;
}

/** The descriptions of both ends of a session as they stand, and what they are called in Jingle. */
export class SessionMedia {
  /** The party that the client is. */
  readonly role: Party;
  readonly #dialect: Dialect;
  readonly #sessionId: string;
  #version = 0;
  /** The client's last description, without candidates. */
  own: SessionDescription | undefined;
  /** The core side's last description. */
  theirs: SessionDescription | undefined;
  /** Sections of that description for which the core side has sent candidates on their own. */
  #gathered = new Set<string>();
  /** Contents that the responder brought in. All others are the initiator's. */
  readonly #byResponder = new Set<string>();

  /** `sessionId`: digits. */
  constructor(role: Party, dialect: Dialect, sessionId: string) {
    this.role = role;
    this.#dialect = dialect;
    this.#sessionId = sessionId;
  }

  readonly creatorOf = (content: string): Party =>
    this.#byResponder.has(content) ? "responder" : "initiator";

  /** The client adds a content. */
  added(content: string): void {
    if (this.role === "responder") this.#byResponder.add(content);
  }

  /** The client's description in a `jingle` element, and its candidates. `answers`: it is the answer to the core side's. */
  described(
    of: XmlElement,
    answers: boolean,
  ): Result<{ description: SessionDescription; candidates: Candidate[] }, JingleFault> {
    this.#version += 1;
    const made = toDescription(of, {
      author: this.role,
      sessionId: this.#sessionId,
      version: this.#version,
      offer: answers ? this.theirs : undefined,
    });
    if (!made.ok) return made;
    const { description, candidates } = stripCandidates(made.value);
    return { ok: true, value: { description, candidates: [...candidates] } };
  }

  /** The client's description with other sections, under a higher version (RFC 3264 §8). */
  changed(media: SessionDescription["media"], bundled: readonly string[] = []): SessionDescription {
    this.#version += 1;
    const session = (this.own?.session ?? []).map((line) => {
      if (line.startsWith("o=")) return `o=- ${this.#sessionId} ${this.#version} IN IP4 0.0.0.0`;
      return line.startsWith("a=group:BUNDLE") ? [line, ...bundled].join(" ") : line;
    });
    return { session, media };
  }

  /** Takes a description of the core side. Undefined where it is none. */
  take(description: Description): SessionDescription | undefined {
    const parsed = parseDescription(description.sdp);
    if (parsed !== undefined) {
      this.theirs = parsed;
      this.#gathered = new Set();
    }
    return parsed;
  }

  /** The core side's description as the contents of a `jingle` element. */
  get contents(): XmlElement[] {
    return this.theirs === undefined
      ? []
      : toContents(this.theirs, otherParty(this.role), this.#dialect, this.creatorOf);
  }

  /** The contents of the answer to the client's offer, of which a bundled one gets each section (see {@link withDeclinedSections}). */
  get answerContents(): XmlElement[] {
    const { theirs, own } = this;
    if (theirs === undefined || own === undefined) return this.contents;
    const whole = withDeclinedSections(theirs, own);
    return toContents(whole, otherParty(this.role), this.#dialect, this.creatorOf);
  }

  /** True where the client hears of a section of the core side's. */
  get hasContents(): boolean {
    return this.theirs !== undefined && contentSections(this.theirs, this.#dialect).size > 0;
  }

  /** The contents of a transport-info with candidates of the core side. Those of sections that the client doesn't have are left out. */
  candidateContents(candidates: readonly Candidate[]): XmlElement[] {
    const byName = new Map<string, XmlElement[]>();
    for (const one of candidates) {
      const name = this.#nameOf(one);
      const made = name === undefined || one.candidate === "" ? undefined : candidateElement(one.candidate);
      if (name === undefined || made === undefined) continue;
      this.#gathered.add(name);
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [made]);
      else known.push(made);
    }
    return [...byName].map(([name, made]) => this.#transportContent(name, made));
  }

  /** The content that says that no more candidates come. It stands alone: stanza drops the candidates beside it. */
  get completeContent(): XmlElement | undefined {
    const [name] = this.theirs === undefined ? [] : contentSections(this.theirs, this.#dialect).keys();
    return name === undefined
      ? undefined
      : this.#transportContent(name, [element("gathering-complete", iceUdp)]);
  }

  /**
   * The contents of a transport-info with new credentials of the core side. Each section has one, in their order, rejected ones too:
   * stanza counts them.
   */
  get credentialContents(): XmlElement[] {
    const { theirs } = this;
    if (theirs === undefined) return [];
    return theirs.media.map((section, index) => {
      const name = contentName(section, index);
      if (isRejected(section)) return this.#transportContent(name, []);
      return element(
        "content",
        jingle,
        { creator: this.creatorOf(name), name },
        transportOf(theirs, section, mediaLine(section)),
      );
    });
  }

  #nameOf({ sdpMid, sdpMLineIndex }: Candidate): string | undefined {
    const media = this.theirs?.media ?? [];
    const index =
      sdpMid == null ? (sdpMLineIndex ?? -1) : media.findIndex((one, at) => contentName(one, at) === sdpMid);
    const section = media[index];
    // What the core side adds in mid-call is answered without the client.
    const known = this.own === undefined || this.hasSection(index);
    return section === undefined || isRejected(section) || !known ? undefined : contentName(section, index);
  }

  /** The client's answer, without what needs a transport that the core side doesn't have. */
  fitting(answer: SessionDescription): SessionDescription {
    return this.theirs === undefined ? answer : unbundledAnswer(answer, this.theirs, this.#gathered);
  }

  /** True where the client's description has that section, and not rejected. */
  hasSection(index: number | null | undefined): boolean {
    const section = this.own?.media[index ?? -1];
    return section !== undefined && !isRejected(section);
  }

  #transportContent(name: string, within: readonly XmlElement[]): XmlElement {
    return element(
      "content",
      jingle,
      { creator: this.creatorOf(name), name },
      element("transport", iceUdp, { ...this.#credentials(name) }, ...within),
    );
  }

  /** The core side's credentials of a section, or of another one where it is rejected. */
  #credentials(name: string): { ufrag: string; pwd: string } | undefined {
    const { theirs } = this;
    if (theirs === undefined) return undefined;
    const found = theirs.media.find(
      (section, index) => contentName(section, index) === name && !isRejected(section),
    );
    const section = found ?? theirs.media.find((one) => !isRejected(one));
    return section === undefined ? undefined : iceCredentials(theirs, section);
  }

  /** What a transport-info of the client brings. What belongs to no section is left out. */
  transportNews(contents: ReadonlyMap<string, XmlElement>): TransportNews {
    const candidates: Candidate[] = [];
    let complete = false;
    const restart = new Map<string, { ufrag: string; pwd: string }>();
    const known = this.own ?? this.theirs;
    for (const [index, section] of (known?.media ?? []).entries()) {
      const name = contentName(section, index);
      const content = contents.get(name);
      const transport = content === undefined || isRejected(section) ? undefined : iceTransport(content);
      if (transport === undefined) continue;
      const credentials = credentialsOf(transport);
      const before = this.own === undefined ? undefined : iceCredentials(this.own, section);
      const { ufrag } = transport.attributes;
      if (credentials !== undefined && before !== undefined && credentials.ufrag !== before.ufrag)
        restart.set(name, credentials);
      // Candidates of another generation, whose credentials are not there.
      else if (ufrag !== undefined && before !== undefined && ufrag !== before.ufrag) continue;
      complete ||= transport.children.some(
        (one) => typeof one !== "string" && one.name === "gathering-complete",
      );
      for (const one of candidatesOf(transport, name)) candidates.push({ ...one, sdpMLineIndex: index });
    }
    return { candidates, complete, restart: restart.size > 0 ? restart : undefined };
  }
}
