import { readFileSync } from "node:fs";
import { toContents, toDescription } from "../../src/gateways/xmpp/jingle/description.ts";
import { namespaces } from "../../src/gateways/xmpp/jingle/namespaces.ts";
import { child, clientNs, element, serialize } from "../../src/gateways/xmpp/xml.ts";
import { parseXml, stanzaLimits } from "../../src/gateways/xmpp/xml-parser.ts";
import { formatDescription, parseDescription } from "../../src/wire/sdp/description.ts";
import type { Figures } from "./scenarios.ts";

const { jingle } = namespaces;
const dialect = { bareParameters: "name", dataChannels: true } as const;

/** An offer of Chromium whose stanza has about 7 KB: audio, data, and video with the first codecs of it; its candidates are trickled. */
const sdp = readFileSync(new URL("../support/sdp/chromium-offer.sdp", import.meta.url), "utf8")
  .split("\r\n")
  .filter((line) => !line.startsWith("a=candidate:"))
  .map((line) => line.replace(/^(m=video \S+ \S+) .*/, "$1 96 97 102 103"))
  .join("\r\n");

export const jingleWays = ["session-initiate → SDP", "SDP → session-initiate"] as const;

function stanzaOf(text: string): string {
  const offer = parseDescription(text);
  const contents = offer === undefined ? [] : toContents(offer, "initiator", dialect);
  const within = element("jingle", jingle, { action: "session-initiate", sid: "s1" }, ...contents);
  const about = { type: "set", id: "1", from: "alice@example.com/desk", to: "bob@example.com/any" };
  return serialize(element("iq", clientNs, about, within));
}

const stanza = stanzaOf(sdp);

function sdpOf(text: string): string {
  const parsed = parseXml(text, stanzaLimits);
  const within = parsed.ok ? child(parsed.value, "jingle", jingle) : undefined;
  const made = within && toDescription(within, { author: "initiator", sessionId: "1", version: 1 });
  return made?.ok === true ? formatDescription(made.value) : "";
}

/** Microseconds of CPU for one `session-initiate`, text to text, in this process. `measure`: for how many seconds. */
export function jingleMapping(
  way: (typeof jingleWays)[number],
  { measure }: { readonly measure: number },
): Figures {
  const once =
    way === "session-initiate → SDP"
      ? () => sdpOf(stanza).includes("a=mid:2")
      : () => stanzaOf(sdp).length === stanza.length;
  const run = (seconds: number): number => {
    const before = process.cpuUsage();
    const end = performance.now() + seconds * 1_000;
    let count = 0;
    while (performance.now() < end)
      for (let n = 0; n < 50; n++, count++) if (!once()) throw new Error(`${way}: not understood`);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
  run(measure / 4);
  return { microseconds: run(measure / 2), bytes: stanza.length };
}
