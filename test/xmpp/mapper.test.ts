import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { toContents, toDescription } from "../../src/gateways/xmpp/jingle/description.ts";
import { namespaces } from "../../src/gateways/xmpp/jingle/namespaces.ts";
import { child, clientNs, element, serialize } from "../../src/gateways/xmpp/xml.ts";
import { parseXml, stanzaLimits } from "../../src/gateways/xmpp/xml-parser.ts";
import { formatDescription, parseDescription } from "../../src/wire/sdp/description.ts";
import { installPeers } from "../support/peers.ts";

const load = createRequire(`${installPeers()}x.js`);
const { Jingle, JXT, Stanzas } = load("stanza");
const { convertIntermediateToRequest, convertRequestToIntermediate } = load("stanza/jingle/sdp/Protocol.js");
const registry = new JXT.Registry();
registry.define(Stanzas.default);

const offers = [
  "sdp/chromium-offer",
  "sdp/chromium-hold-offer",
  "sdp/chromium-added-video-offer",
  "media-offers/chromium-publish",
  "media-offers/chromium-view",
  "media-offers/firefox-view",
];
const read = (name: string) => readFileSync(new URL(`../support/${name}.sdp`, import.meta.url), "utf8");

/** SDP to the text of a stanza, by stanza. */
function theirStanza(sdp: string): string {
  const jingle = convertIntermediateToRequest(Jingle.importFromSDP(sdp), "initiator", namespaces.iceUdp);
  Object.assign(jingle, { sid: "s1", action: "session-initiate" });
  return registry.export("iq", { type: "set", id: "1", to: "b@x/r", jingle }).toString();
}

function theirSdp(stanza: string): string {
  return Jingle.exportToSDP(
    convertRequestToIntermediate(registry.import(JXT.parse(stanza)).jingle, "initiator"),
  );
}

function ourStanza(sdp: string): string {
  const contents = toContents(parseDescription(sdp)!, "initiator", {
    bareParameters: "name",
    dataChannels: true,
  });
  const jingle = element("jingle", namespaces.jingle, { action: "session-initiate", sid: "s1" }, ...contents);
  return serialize(element("iq", clientNs, { type: "set", id: "1", to: "b@x/r" }, jingle));
}

function ourSdp(stanza: string): string {
  const parsed = parseXml(stanza, stanzaLimits);
  if (!parsed.ok) throw new Error(parsed.error.reason);
  const jingle = child(parsed.value, "jingle", namespaces.jingle);
  const made = toDescription(jingle!, { author: "initiator", sessionId: "1", version: 1 });
  if (!made.ok) throw new Error(made.error.text);
  return formatDescription(made.value);
}

/** What both mappers keep, in a form that does not depend on the order of lines. */
function kept(sdp: string): string[][] {
  const both =
    /^a=(group|mid|ice-ufrag|ice-pwd|fingerprint|setup|sendrecv|sendonly|recvonly|inactive|rtpmap|fmtp|rtcp-fb|extmap:|rtcp-mux|rtcp-rsize|msid:|sctp-port|candidate)/;
  return sdp.split(/(?=^m=)/m).map((section) =>
    section
      .split("\r\n")
      .filter((line) => line.startsWith("m=") || both.test(line))
      // stanza writes protocols in upper case, and no generation of a candidate.
      .map((line) => (line.startsWith("a=candidate:") ? line.toLowerCase() : line))
      .map((line) => line.replace(/ (generation|network-id|network-cost|ufrag) \S+/g, ""))
      .map((line) =>
        line.replace(/(a=fmtp:\d+ )(.*)/, (_, start, rest) => start + rest.split(";").sort().join(";")),
      )
      .sort(),
  );
}

for (const name of offers)
  test(`agrees with stanza on what both keep of ${name}`, () => {
    const sdp = read(name);
    const theirs = theirStanza(sdp);
    // Its stanza means the same to both, and so does ours.
    expect(kept(ourSdp(theirs))).toEqual(kept(theirSdp(theirs)));
    expect(kept(theirSdp(ourStanza(sdp)))).toEqual(kept(theirSdp(theirs)));
    expect(kept(ourSdp(ourStanza(sdp)))).toEqual(kept(theirSdp(theirs)));
  });
