import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { bundle, mediaLine, mid } from "../../../wire/sdp/attributes.ts";
import {
  formatDescription,
  parseDescription,
  type SessionDescription,
} from "../../../wire/sdp/description.ts";
import { element, serialize, type XmlElement } from "../xml.ts";
import { parseXml, stanzaLimits } from "../xml-parser.ts";
import { type Dialect, toContents, toDescription } from "./description.ts";
import { namespaces } from "./namespaces.ts";
import type { Party } from "./senders.ts";

const support = new URL("../../../../test/support/", import.meta.url);
const read = (path: string): SessionDescription => {
  const parsed = parseDescription(readFileSync(new URL(path, support), "utf8"));
  if (parsed === undefined) throw new Error(path);
  return parsed;
};

const dialect: Dialect = { bareParameters: "name", dataChannels: true };

function jingleOf(description: SessionDescription, author: Party, of: Dialect = dialect): XmlElement {
  const made = element("jingle", namespaces.jingle, {}, ...toContents(description, author, of));
  // Over the wire and back.
  const parsed = parseXml(serialize(made), stanzaLimits);
  if (!parsed.ok) throw new Error(parsed.error.reason);
  return parsed.value;
}

function back(jingle: XmlElement, author: Party, offer?: SessionDescription): SessionDescription {
  const made = toDescription(jingle, { author, sessionId: "1", version: 1, offer });
  if (!made.ok) throw new Error(made.error.text);
  return made.value;
}

/** What Jingle has no word for, or says of the whole session. */
const unsaid =
  /^a=(rid|rtcp-xr|simulcast|ice-options|max-message-size|rtcp:|candidate|end-of-candidates|sendrecv|extmap-allow-mixed|msid-semantic|framerate|imageattr|fmtp:\S+ $|bundle-only|ssrc:\d+ mslabel|ssrc:\d+ label|identity)/;

function lines(description: SessionDescription, index: number): string[] {
  const inherited = description.session.filter((line) =>
    /^a=(fingerprint|setup|ice-ufrag|ice-pwd)/.test(line),
  );
  const [, ...own] = description.media[index]?.lines ?? [];
  const all = [
    ...own,
    ...inherited.filter((one) => !own.some((line) => line.startsWith(one.split(":")[0] ?? ""))),
  ];
  return all
    .filter((line) => line.startsWith("a=") && !unsaid.test(line))
    .map((line) => (line.startsWith("a=fmtp:") ? line.replaceAll("; ", ";").replace(/;$/, "") : line))
    .map((line) => (line.startsWith("a=fingerprint:") ? line.toUpperCase() : line))
    .map((line) => (/^a=rtpmap:\S+ \S+\/\d+\/1$/.test(line) ? line.slice(0, -2) : line))
    .sort();
}

const offers = [
  "sdp/chromium-offer.sdp",
  "sdp/chromium-added-video-offer.sdp",
  "sdp/chromium-hold-offer.sdp",
  "media-offers/chromium-publish.sdp",
  "media-offers/chromium-simulcast.sdp",
  "media-offers/chromium-view.sdp",
  "media-offers/firefox-simulcast.sdp",
  "media-offers/firefox-view.sdp",
  "media-offers/aiortc.sdp",
  "media-offers/gstreamer.sdp",
  "media-offers/obs.sdp",
];

describe("round trips", () => {
  for (const path of offers)
    test(path, () => {
      const offer = read(path);
      for (const author of ["initiator", "responder"] as const) {
        const again = back(jingleOf(offer, author), author);
        expect(again.media.map((one) => mediaLine(one).formats)).toEqual(
          offer.media.map((one) => mediaLine(one).formats),
        );
        expect(bundle(again)).toEqual(bundle(offer));
        for (const index of offer.media.keys()) {
          // A stream that only `a=ssrc` names gets its `a=msid`.
          const named = lines(offer, index).some((line) => line.startsWith("a=msid:"));
          const said = lines(again, index).filter((line) => named || !line.startsWith("a=msid:"));
          expect(said).toEqual(lines(offer, index));
        }
        // What came out of Jingle loses nothing more.
        const twice = back(jingleOf(again, author), author);
        expect(formatDescription(twice)).toBe(formatDescription(again));
      }
    });
});

describe("answers", () => {
  const offer = read("sdp/chromium-offer.sdp");
  const answer = read("sdp/chromium-answer.sdp");

  test("has the sections of its offer in their order; the missing are rejected and in no bundle", () => {
    const contents = toContents(answer, "responder", dialect);
    const jingle = element("jingle", namespaces.jingle, {}, ...contents);
    const whole = back(jingle, "responder", offer);
    expect(whole.media.map(mid)).toEqual(offer.media.map(mid));
    const audio = contents.filter((one) => one.name !== "content" || one.attributes.name === "0");
    const part = back(element("jingle", namespaces.jingle, {}, ...audio), "responder", offer);
    expect(part.media.map((one) => mediaLine(one).port === "0")).toEqual(offer.media.map((_, at) => at > 0));
    expect(bundle(part)).toEqual(["0"]);
    // Dino groups nothing.
    const alone = back(element("jingle", namespaces.jingle, {}, contents[0]), "responder", offer);
    expect(bundle(alone)).toEqual([]);
  });

  test("a client without data channels gets no content for them", () => {
    const without = toContents(offer, "initiator", { ...dialect, dataChannels: false });
    expect(without.filter((one) => one.name === "content")).toHaveLength(
      offer.media.filter((one) => mediaLine(one).kind !== "application").length,
    );
  });
});

describe("faults", () => {
  const good = jingleOf(read("sdp/chromium-offer.sdp"), "initiator");
  const fault = (jingle: XmlElement, offer?: SessionDescription) => {
    const made = toDescription(jingle, { author: "initiator", sessionId: "1", version: 1, offer });
    return made.ok ? undefined : made.error.reason;
  };
  const changed = (what: (written: string) => string): XmlElement => {
    const text = serialize(good);
    const next = what(text);
    expect(next).not.toBe(text);
    const parsed = parseXml(next, stanzaLimits);
    if (!parsed.ok) throw new Error(parsed.error.reason);
    return parsed.value;
  };

  test("have XEP-0166's reasons", () => {
    expect(fault(good)).toBeUndefined();
    expect(fault(changed((xml) => xml.replaceAll(/<fingerprint.*?<\/fingerprint>/g, "")))).toBe(
      "security-error",
    );
    expect(fault(changed((xml) => xml.replaceAll("sha-256", "sha 256")))).toBe("security-error");
    expect(fault(changed((xml) => xml.replaceAll("actpass", "both")))).toBe("security-error");
    // An answer says which role it takes.
    expect(fault(good, read("sdp/chromium-offer.sdp"))).toBe("security-error");
    expect(fault(changed((xml) => xml.replaceAll("transports:ice-udp:1", "transports:raw-udp:1")))).toBe(
      "unsupported-transports",
    );
    expect(fault(changed((xml) => xml.replaceAll('media="audio"', 'media="text"')))).toBe(
      "unsupported-applications",
    );
    expect(fault(changed((xml) => xml.replaceAll("payload-type", "payload")))).toBe(
      "unsupported-applications",
    );
    expect(fault(changed((xml) => xml.replaceAll(/ufrag="[^"]*"/g, "")))).toBe("bad-request");
    expect(fault(changed((xml) => xml.replaceAll('senders="both"', 'senders="all"')))).toBe("bad-request");
    expect(fault(changed((xml) => xml.replaceAll('name="1"', 'name="0"')))).toBe("bad-request");
    expect(fault(element("jingle", namespaces.jingle))).toBe("bad-request");
  });

  test("10,000 contents are refused", () => {
    const [content] = good.children;
    const many = Array.from({ length: 10_000 }, (_, at) => {
      if (typeof content === "string" || content === undefined) throw new Error();
      return { ...content, attributes: { ...content.attributes, name: String(at) } };
    });
    expect(fault(element("jingle", namespaces.jingle, {}, ...many))).toBe("bad-request");
  });

  test("no attribute brings another line into the SDP", () => {
    const evil = "x&#13;&#10;a=setup:passive";
    for (const name of ["name", "value", "ufrag", "pwd", "ip", "uri", "type", "id", "foundation"]) {
      const jingle = changed((xml) =>
        xml.replaceAll(new RegExp(` ${name}="[^"]*"`, "g"), ` ${name}="${evil}"`).concat(""),
      );
      const made = toDescription(jingle, { author: "initiator", sessionId: "1", version: 1 });
      if (made.ok)
        for (const section of made.value.media)
          for (const line of section.lines) expect(line).not.toMatch(/[\r\n]/);
    }
  });
});

test("a source of a group that nothing is said of has the CNAME of the others", () => {
  const fid = (ssrcs: string) =>
    `<content xmlns="${namespaces.jingle}" creator="initiator" name="0"><description xmlns="${namespaces.rtp}" media="video"><payload-type id="96" name="VP8" clockrate="90000"/>` +
    `<ssrc-group xmlns="${namespaces.sources}" semantics="FID"><source ssrc="1"/><source ssrc="2"/></ssrc-group>${ssrcs}</description>` +
    `<transport xmlns="${namespaces.iceUdp}" ufrag="ufra" pwd="0123456789012345678901"><fingerprint xmlns="${namespaces.dtls}" hash="sha-256" setup="actpass">${Array(32).fill("AA").join(":")}</fingerprint></transport></content>`;
  const named = `<source xmlns="${namespaces.sources}" ssrc="1"><parameter name="cname" value="c"/></source>`;
  const sections = (ssrcs: string) => {
    const parsed = parseXml(`<jingle xmlns="${namespaces.jingle}">${fid(ssrcs)}</jingle>`, stanzaLimits);
    if (!parsed.ok) throw new Error(parsed.error.reason);
    return back(parsed.value, "initiator").media[0]?.lines.filter((line) => line.startsWith("a=ssrc"));
  };
  expect(sections(named)).toEqual(["a=ssrc-group:FID 1 2", "a=ssrc:1 cname:c", "a=ssrc:2 cname:c"]);
  expect(sections("")).toEqual(["a=ssrc-group:FID 1 2"]);
});
