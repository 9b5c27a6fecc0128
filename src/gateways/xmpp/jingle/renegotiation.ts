import type { Candidate, Description } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import type { Outcome } from "../../../signaling/device.ts";
import {
  bundle,
  type Direction,
  direction,
  iceCredentials,
  isRejected,
  mediaLine,
  withDirection,
} from "../../../wire/sdp/attributes.ts";
import {
  formatDescription,
  type MediaSection,
  type SessionDescription,
} from "../../../wire/sdp/description.ts";
import { turnedDown } from "../../../wire/sdp/local-answer.ts";
import { offerChange } from "../../../wire/sdp/offer-change.ts";
import { AnswerOnBehalf } from "../../answer-on-behalf.ts";
import { element, type XmlElement } from "../xml.ts";
import { contentName, contentsByName, mostContents, toSection } from "./description.ts";
import { namespaces } from "./namespaces.ts";
import { reasonElement } from "./reasons.ts";
import { directionOf } from "./senders.ts";
import type { SessionMedia, TransportNews } from "./session-media.ts";
import type { Action } from "./stanzas.ts";
import { type Credentials, withCredentials } from "./transport.ts";

/** How long a client may take to answer an ICE restart, in ms. */
const restartTimeout = 12_000;

/** What a session lends to its negotiation. */
export interface NegotiationHost {
  readonly media: SessionMedia;
  /** Sends an action to the client. */
  act(action: Action, children: readonly XmlElement[], now: number): void;
  /** Relays to the core. */
  signal(
    fields: { description?: Description; candidates?: readonly Candidate[]; refused?: { reason: string } },
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void;
  /** Asks the core for the next ICE generation. */
  restart(now: number, done: (outcome: Outcome, now: number) => void): void;
  after(ms: number, now: number, due: (now: number) => void): Deadline;
  hangUp(reason: "hangup" | "failed", detail: string, now: number): void;
}

/** An offer that a client's action makes, while the core side has not answered it. */
interface ClientOffer {
  readonly description: SessionDescription;
  readonly before: SessionDescription;
  readonly answered: (now: number) => void;
  readonly refused: (now: number) => void;
}

/**
 * Offers and answers of a session that has begun. What Jingle says by actions of their own (hold, contents, credentials) becomes an offer
 * to the core side; an offer of the core side becomes a hold, or new credentials, and is otherwise answered on the client's behalf.
 */
export class Renegotiation {
  readonly #host: NegotiationHost;
  readonly #onBehalf = new AnswerOnBehalf();
  #offer: ClientOffer | undefined;
  /** Offers that wait for the one before. */
  readonly #queue: ((now: number) => void)[] = [];
  /** The client's directions before it put the session on hold. */
  #beforeHold: readonly Direction[] | undefined;
  /** The core side's offer of new credentials, which the client has not answered. */
  #restart: Deadline | undefined;
  /** Called when the generation is there that the client's offer has asked for. */
  #generation: ((now: number) => void) | undefined;

  constructor(host: NegotiationHost) {
    this.#host = host;
  }

  /** True while the core does not know the generation of the client's candidates. */
  get candidatesWait(): boolean {
    return this.#generation !== undefined;
  }

  /** The session is over. */
  stop(): void {
    this.#restart?.cancel();
    this.#offer = undefined;
    this.#queue.length = 0;
    this.#generation = undefined;
  }

  // What the client asks for

  /** The client puts the session on hold, or goes on. */
  hold(on: boolean, now: number): void {
    this.#whenFree(now, (later) => {
      const { media } = this.#host;
      const { own } = media;
      if (own === undefined || on === (this.#beforeHold !== undefined)) return;
      const before = this.#beforeHold;
      this.#beforeHold = on ? own.media.map((section) => direction(own, section)) : undefined;
      const sections = own.media.map((section, index) => {
        if (isRejected(section) || mediaLine(section).kind === "application") return section;
        const way = direction(own, section);
        if (!on) return withDirection(section, before?.[index] ?? way);
        return withDirection(section, way === "sendrecv" || way === "sendonly" ? "sendonly" : "inactive");
      });
      this.#ask(media.changed(sections), later);
    });
  }

  /** The client changes who sends (`content-modify`). */
  modify(contents: ReadonlyMap<string, XmlElement>, now: number): void {
    this.#whenFree(now, (later) => {
      const { media } = this.#host;
      const sections = media.own?.media.map((section, index) => {
        const senders = contents.get(contentName(section, index))?.attributes.senders;
        const way = senders === undefined ? undefined : directionOf(senders, media.role);
        return way === undefined || isRejected(section) ? section : withDirection(section, way);
      });
      if (sections !== undefined) this.#ask(media.changed(sections), later);
    });
  }

  /** The client takes contents away. */
  remove(contents: ReadonlyMap<string, XmlElement>, now: number): void {
    this.#whenFree(now, (later) => {
      const { media } = this.#host;
      const sections = media.own?.media.map((section, index) =>
        contents.has(contentName(section, index)) && !isRejected(section) ? turnedDown(section) : section,
      );
      if (sections === undefined) return;
      if (sections.every(isRejected)) this.#host.hangUp("hangup", "all contents were removed", later);
      else this.#ask(media.changed(sections), later);
    });
  }

  /** The client adds contents. They are accepted or rejected together. */
  add(jingle: XmlElement, now: number): void {
    this.#whenFree(now, (later) => {
      const { media } = this.#host;
      const { own } = media;
      const contents = contentsByName(jingle);
      if (own === undefined || !contents.ok) return;
      const names = [...contents.value.keys()];
      const taken = new Set(own.media.map(contentName));
      const reject = (when: number) => this.#rejectContents([...contents.value.values()], when);
      const added: MediaSection[] = [];
      for (const [name, content] of contents.value) {
        const section = toSection(content, name, media.role);
        if (taken.has(name) || !section.ok || own.media.length + added.length >= mostContents) {
          reject(later);
          return;
        }
        added.push(section.value);
      }
      for (const name of names) media.added(name);
      // Contents with the credentials of the bundle are in it.
      const shared = own.media.map((section) => iceCredentials(own, section)?.ufrag);
      const bundled =
        bundle(own).length === 0
          ? []
          : names.filter((_, index) => {
              const section = added[index];
              return section !== undefined && shared.includes(iceCredentials(own, section)?.ufrag);
            });
      this.#ask(media.changed([...own.media, ...added], bundled), later, {
        answered: (when) => {
          const accepted = media.contents.filter((one) => names.includes(one.attributes.name ?? ""));
          if (accepted.length > 0) this.#host.act("content-accept", accepted, when);
          else reject(when);
        },
        refused: reject,
      });
    });
  }

  #rejectContents(contents: readonly XmlElement[], now: number): void {
    const named = contents.map(({ attributes: { creator, name } }) =>
      element("content", namespaces.jingle, { creator, name }),
    );
    this.#host.act("content-reject", [...named, reasonElement({ condition: "failed-application" })], now);
  }

  /** The client has new credentials: it restarts ICE, or answers a restart. `replaces`: by transport-replace. */
  credentials(restart: NonNullable<TransportNews["restart"]>, replaces: boolean, now: number): void {
    const { media } = this.#host;
    const { own } = media;
    if (own === undefined) return;
    const sections = renewed(own, restart);
    if (this.#restart !== undefined) {
      this.#restart.cancel();
      this.#restart = undefined;
      media.own = media.changed(sections);
      this.#host.signal({ description: { type: "answer", sdp: formatDescription(media.own) } }, now);
      this.#next(now);
      return;
    }
    this.#whenFree(now, (later) => {
      const description = media.changed(sections);
      const offer: ClientOffer = {
        description,
        before: own,
        answered: (when) =>
          this.#host.act(replaces ? "transport-accept" : "transport-info", media.credentialContents, when),
        refused: (when) => {
          if (!replaces) this.#host.hangUp("failed", "ICE could not be restarted", when);
          else this.#host.act("transport-reject", [reasonElement({ condition: "connectivity-error" })], when);
        },
      };
      this.#offer = offer;
      media.own = description;
      this.#generation = (when) => this.#tell(offer, when);
      this.#host.restart(later, (outcome, when) => {
        // The core side restarts at the same moment, and comes first.
        if (!("error" in outcome) || this.#offer !== offer) return;
        this.#generation = undefined;
        this.#settled(false, when);
      });
    });
  }

  /** The pair is in a new generation. */
  restarted(now: number): void {
    const then = this.#generation;
    this.#generation = undefined;
    then?.(now);
  }

  /** The core side may have missed the client's offer: sends it again. */
  resync(now: number): void {
    if (this.#offer !== undefined && this.#generation === undefined) this.#tell(this.#offer, now);
  }

  #whenFree(now: number, what: (now: number) => void): void {
    if (this.#offer === undefined && this.#restart === undefined) what(now);
    else if (this.#queue.length < 8) this.#queue.push(what);
  }

  #ask(
    description: SessionDescription,
    now: number,
    then: Pick<ClientOffer, "answered" | "refused"> = { answered: () => {}, refused: () => {} },
  ): void {
    const { media } = this.#host;
    const offer: ClientOffer = { description, before: media.own ?? description, ...then };
    this.#offer = offer;
    media.own = description;
    this.#tell(offer, now);
  }

  #tell(offer: ClientOffer, now: number): void {
    const description = { type: "offer", sdp: formatDescription(offer.description) } as const;
    this.#host.signal({ description }, now, (outcome, later) => {
      if ("error" in outcome && this.#offer === offer) this.#settled(false, later);
    });
  }

  #settled(answered: boolean, now: number): void {
    const offer = this.#offer;
    if (offer === undefined) return;
    this.#offer = undefined;
    if (!answered) this.#host.media.own = offer.before;
    (answered ? offer.answered : offer.refused)(now);
    this.#next(now);
  }

  #next(now: number): void {
    if (this.#offer === undefined && this.#restart === undefined) this.#queue.shift()?.(now);
  }

  // What the core side asks for

  /** The core side refused the client's offer. */
  refused(now: number): void {
    this.#beforeHold = undefined;
    this.#settled(false, now);
  }

  answered(answer: Description, now: number): void {
    if (this.#offer === undefined || this.#generation !== undefined) return;
    if (this.#host.media.take(answer) !== undefined) this.#settled(true, now);
  }

  offered(offer: Description, now: number): void {
    const { media } = this.#host;
    if (this.#offer !== undefined) {
      // Glare. The initiator's core side is polite, and takes its offer back by itself. A responder's offer gives way, and comes again.
      if (media.role === "initiator") return;
      this.#withdraw();
    }
    const before = media.theirs;
    const after = media.take(offer);
    if (after === undefined) return;
    const change = before === undefined ? "media-change" : offerChange(before, after);
    if (change === "ice-restart") {
      this.#restarts(before, now);
      return;
    }
    const answer = this.#onBehalf.answer(after, media.own);
    if (answer === undefined) {
      media.theirs = before;
      this.#host.signal({ refused: { reason: "an XMPP client can't be asked for this" } }, now);
    } else {
      this.#tellHold(before, after, now);
      this.#host.signal({ description: { type: "answer", sdp: answer } }, now);
    }
    this.#next(now);
  }

  /** The client's offer gives way to one of the core side, and is made again after it. */
  #withdraw(): void {
    const offer = this.#offer;
    if (offer === undefined) return;
    const { media } = this.#host;
    this.#offer = undefined;
    this.#generation = undefined;
    media.own = offer.before;
    this.#queue.unshift((later) => this.#ask(media.changed(offer.description.media), later, offer));
  }

  /** New credentials of the core side. Only a responder takes them: an initiator restarts ICE by itself (as stanza does). */
  #restarts(before: SessionDescription | undefined, now: number): void {
    const { media } = this.#host;
    if (media.role === "initiator" || this.#restart !== undefined) {
      media.theirs = before;
      this.#host.signal({ refused: { reason: "this XMPP client restarts ICE by itself" } }, now);
      return;
    }
    this.#restart = this.#host.after(restartTimeout, now, (later) => {
      this.#restart = undefined;
      media.theirs = before;
      this.#host.signal({ refused: { reason: "the XMPP client did not answer the restart" } }, later);
      this.#next(later);
    });
    this.#host.act("transport-info", media.credentialContents, now);
  }

  #tellHold(before: SessionDescription | undefined, after: SessionDescription, now: number): void {
    const was = before === undefined || receives(before);
    const is = receives(after);
    if (was === is) return;
    this.#host.act("session-info", [element(is ? "active" : "hold", namespaces.rtpInfo)], now);
  }
}

/** True when a section of audio or video receives. */
function receives(description: SessionDescription): boolean {
  return description.media.some((section) => {
    const way = direction(description, section);
    return (
      mediaLine(section).kind !== "application" &&
      !isRejected(section) &&
      (way === "sendrecv" || way === "recvonly")
    );
  });
}

/** The sections with new credentials. Where only one content of a bundle names them, they are those of all. */
function renewed(own: SessionDescription, restart: ReadonlyMap<string, Credentials>): MediaSection[] {
  const bundled = new Set(bundle(own));
  const [first] = [...restart].filter(([name]) => bundled.has(name));
  return own.media.map((section, index) => {
    const name = contentName(section, index);
    const credentials = restart.get(name) ?? (bundled.has(name) ? first?.[1] : undefined);
    return credentials === undefined || isRejected(section) ? section : withCredentials(section, credentials);
  });
}
