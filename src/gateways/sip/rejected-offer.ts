import { mid } from "../../wire/sdp/attributes.ts";
import {
  formatDescription,
  type MediaSection,
  parseDescription,
  type SessionDescription,
} from "../../wire/sdp/description.ts";
import { turnedDown } from "../../wire/sdp/local-answer.ts";

const midExtension = " urn:ietf:params:rtp-hdrext:sdes:mid";

/**
 * An offer of the phone that is rejected as a whole, because the core side makes the offer: the dialog begins with an answer that rejects
 * every section, and the core side's offer follows in a re-INVITE. It reuses the rejected sections (RFC 3264 §8.1): there may not be fewer
 * sections than before, and browsers take no section of another kind under the name of an old one.
 */
export class RejectedOffer {
  readonly #offer: SessionDescription;
  readonly #names: ReadonlySet<string>;

  constructor(offer: SessionDescription) {
    this.#offer = offer;
    this.#names = new Set(offer.media.map((section) => mid(section) ?? ""));
  }

  /** The answer to the offer. */
  get answer(): string {
    const session = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"];
    return formatDescription({ session, media: this.#offer.media.map(turnedDown) });
  }

  /** A description of the core side as the phone is told it. Unchanged where it is none. */
  toPhone(text: string): string {
    const description = parseDescription(text);
    if (description === undefined) return text;
    const renames = description.media.some((section) => this.#names.has(mid(section) ?? ""));
    const { session, media } = renames ? this.#renamed(description, (name) => `r${name}`) : description;
    const padding = this.#offer.media.slice(media.length).map(turnedDown);
    // A phone that knows the names of packets (RFC 9143 §14) would look for those that they had before.
    const plain = media.map(({ lines }) => ({
      lines: renames ? lines.filter((line) => !isMidExtension(line)) : lines,
    }));
    return formatDescription({ session, media: [...plain, ...padding] });
  }

  /** A description of the phone as the core side is told it: `offer` is what it answers, as the core side said it. */
  fromPhone(text: string, offer: string | undefined): string {
    const description = parseDescription(text);
    const offered = offer === undefined ? undefined : parseDescription(offer)?.media;
    if (description === undefined || offered === undefined) return text;
    const names = offered.map((section) => mid(section));
    const renames = names.some((name) => this.#names.has(name ?? ""));
    const own = renames ? this.#renamed(description, (name) => name.replace(/^r/, "")) : description;
    return formatDescription({ session: own.session, media: own.media.slice(0, offered.length) });
  }

  #renamed({ session, media }: SessionDescription, rename: (name: string) => string): SessionDescription {
    return {
      session: session.map((line) => {
        if (!line.startsWith("a=group:BUNDLE")) return line;
        const [group = "", ...names] = line.split(" ");
        return [group, ...names.filter((name) => name !== "").map(rename)].join(" ");
      }),
      media: media.map((section): MediaSection => {
        const name = mid(section);
        return name === undefined
          ? section
          : {
              lines: section.lines.map((line) => (line === `a=mid:${name}` ? `a=mid:${rename(name)}` : line)),
            };
      }),
    };
  }
}

function isMidExtension(line: string): boolean {
  return line.startsWith("a=extmap:") && line.endsWith(midExtension);
}
