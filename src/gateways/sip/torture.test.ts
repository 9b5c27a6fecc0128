import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { addresses, bodyText, contact, type SipMessage } from "./message.ts";
import { parseNameAddress } from "./name-address.ts";
import { refusal } from "./parse-error.ts";
import { parseMessage } from "./parser.ts";
import { acceptObjection, contentObjection, objection } from "./sanity.ts";
import { serializeBytes } from "./serializer.ts";
import { parseVia } from "./via.ts";

/** The files of RFC 4475, byte for byte, are in the tests of the npm package `sip`. */
const folder = join(dirname(createRequire(import.meta.url).resolve("sip/package.json")), "test", "messages");
const abilities = {
  methods: ["INVITE", "ACK", "CANCEL", "BYE", "REGISTER", "OPTIONS", "MESSAGE", "UPDATE", "INFO"],
  extensions: ["100rel", "timer"],
};

/** What becomes of a message: taken, dropped, or answered with a status. */
type Outcome = "taken" | "dropped" | number;

/** Every message with what RFC 4475 has to say about it, in short. */
const cases: readonly [name: string, section: string, outcome: Outcome, why: string][] = [
  ["wsinv", "3.1.1.1", "taken", "valid: folding, odd blanks and cases, compact forms, empty list values"],
  ["intmeth", "3.1.1.2", 501, "valid, of a method that nobody knows"],
  ["esc01", "3.1.1.3", "taken", "valid: escapes mean what they escape, in URIs only"],
  ["escnull", "3.1.1.4", "taken", "valid: an escaped NUL ends no user name; two contacts"],
  [
    "esc02",
    "3.1.1.5",
    501,
    "valid: % is no escape in a method, which is unknown then: an endpoint answers 501",
  ],
  ["lwsdisp", "3.1.1.6", "taken", "to be accepted: no blank between display name and <"],
  ["longreq", "3.1.1.7", "taken", "valid: long values, many of them"],
  ["dblreq", "3.1.1.8", "taken", "what follows the body by Content-Length is to be ignored"],
  ["semiuri", "3.1.1.9", "taken", "valid: the user is user;par=u@example.net"],
  ["transports", "3.1.1.10", "taken", "valid: transports known and unknown"],
  ["mpart01", "3.1.1.11", "taken", "valid: a binary body with NULs"],
  ["unreason", "3.1.1.12", "taken", "valid: a reason phrase in UTF-8"],
  ["noreason", "3.1.1.13", "taken", "valid: an empty reason phrase"],
  ["badinv01", "3.1.2.1", 400, "separators without anything to separate"],
  ["clerr", "3.1.2.2", 400, "Content-Length of more than there is"],
  ["ncl", "3.1.2.3", 400, "negative Content-Length: an error"],
  ["scalar02", "3.1.2.4", 400, "CSeq beyond 2^31, beside other numbers too large"],
  ["scalarlg", "3.1.2.5", "dropped", "a response with numbers too large is discarded"],
  ["quotbal", "3.1.2.6", 400, "an unterminated quote"],
  ["ltgtruri", "3.1.2.7", 400, "Request-URI in <>: reasonable to reject"],
  ["lwsruri", "3.1.2.8", 400, "a blank in the Request-URI"],
  ["lwsstart", "3.1.2.9", 400, "several blanks in the request line: acceptable to reject"],
  ["trws", "3.1.2.10", 400, "blanks behind the request line: acceptable to reject"],
  ["escruri", "3.1.2.11", 400, "headers in the Request-URI: acceptable to reject"],
  ["baddate", "3.1.2.12", "taken", "Date isn't GMT: not to be rejected by who doesn't use Date"],
  ["regbadct", "3.1.2.13", 400, "a Contact with ? but without <>: reasonable to reject"],
  ["badaspec", "3.1.2.14", "taken", "blanks inside <>: reasonable to reject, the liberal ignore them"],
  ["baddn", "3.1.2.15", "taken", "display name without its quotes: the liberal infer them"],
  ["badvers", "3.1.2.16", 505, "version 7.0"],
  ["mismatch01", "3.1.2.17", 400, "CSeq of another method"],
  ["mismatch02", "3.1.2.18", 400, "the same for an unknown method: 501, but 400 is acceptable"],
  ["bigcode", "3.1.2.19", "dropped", "a response of a status beyond 699 is dropped"],
  ["badbranch", "3.2.1", 400, "a branch of the cookie alone: could be rejected with 400"],
  ["insuf", "3.3.1", 400, "no Call-ID, From and To: ideally answered with 400"],
  ["unkscm", "3.3.2", 416, "Request-URI of an unknown scheme"],
  ["novelsc", "3.3.3", 416, "of a scheme that is never accepted: as if unknown"],
  ["unksm2", "3.3.4", 400, "REGISTER whose To is no SIP address"],
  ["bext01", "3.3.5", 420, "Require of unknown extensions"],
  ["invut", "3.3.6", 415, "a body of unknown type"],
  [
    "regaut01",
    "3.3.7",
    "taken",
    "unknown Authorization scheme: as if there was none, so that it will be challenged",
  ],
  ["multi01", "3.3.8", 400, "several values where one is allowed"],
  ["mcl01", "3.3.9", 400, "two Content-Lengths: over TCP the connection is closed"],
  [
    "bcast",
    "3.3.10",
    "taken",
    "well formed; a response that belongs to no request of ours is discarded later",
  ],
  ["zeromf", "3.3.11", "taken", "Max-Forwards 0: an endpoint goes on as if it were more"],
  ["cparam01", "3.3.12", "taken", "a parameter behind a bare URI is one of the header"],
  ["cparam02", "3.3.13", "taken", "a parameter inside <> is one of the URI"],
  ["regescrt", "3.3.14", "taken", "a Contact whose URI has a header, to be kept"],
  ["sdp01", "3.3.15", 406, "INVITE that accepts no SDP: could be answered with 406"],
  ["inv2543", "3.4.1", "taken", "right by RFC 2543: no branch, no tag, no Max-Forwards"],
];

function bytesOf(name: string): Uint8Array {
  const bytes = readFileSync(join(folder, `${name}.dat`));
  // The package keeps the empty line behind this one's headers in a file of its own.
  return name === "baddn" ? Buffer.concat([bytes, readFileSync(join(folder, "baddn_sep.dat"))]) : bytes;
}

function outcome(input: string | Uint8Array): Outcome {
  const parsed = parseMessage(input);
  if (!parsed.ok) return parsed.error.status ?? "dropped";
  const message = parsed.value;
  if (message.kind === "response") return "taken";
  const found =
    objection(message, abilities) ??
    (message.method === "INVITE"
      ? (contentObjection(message, ["application/sdp", "multipart/mixed"]) ??
        acceptObjection(message, "application/sdp"))
      : undefined);
  return found?.status ?? "taken";
}

function taken(name: string): SipMessage {
  const parsed = parseMessage(bytesOf(name));
  if (!parsed.ok) throw new Error(parsed.error.reason);
  return parsed.value;
}

describe("RFC 4475", () => {
  test("there are 49 messages", () => {
    expect(new Set(cases.map(([name]) => name)).size).toBe(49);
  });

  for (const [name, section, expected, why] of cases) {
    test(`${section} ${name}: ${why}`, () => {
      expect(outcome(bytesOf(name))).toBe(expected);
    });
  }

  test("as text of a WebSocket each comes to the same, where it is text", () => {
    for (const [name, , expected] of cases) {
      // Binary is no text, and the lengths of clerr count bytes either way.
      if (name === "mpart01") continue;
      expect([name, outcome(bytesOf(name).toString())]).toEqual([name, outcome(bytesOf(name))]);
      expect([name, outcome(bytesOf(name))]).toEqual([name, expected]);
    }
  });

  test("what is taken is the same after it was written and read again", () => {
    for (const [name] of cases) {
      const first = parseMessage(bytesOf(name));
      if (!first.ok) continue;
      const again = parseMessage(serializeBytes(first.value));
      if (!again.ok) throw new Error(`${name}: ${again.error.reason}`);
      const { headers: one, ...rest } = first.value;
      const { headers: other, ...restAgain } = again.value;
      expect(restAgain).toEqual({ ...rest, body: Uint8Array.from(rest.body) } as typeof restAgain);
      const lines = (headers: typeof one) =>
        [...headers].filter(([key]) => key !== "Content-Length").map(([key, value]) => `${key}: ${value}`);
      expect(lines(other)).toEqual(lines(one));
    }
  });

  test("a refusal repeats what the request was known by", () => {
    const parsed = parseMessage(bytesOf("clerr"));
    const text = parsed.ok ? "" : (refusal(parsed.error) ?? "");
    const answer = parseMessage(text);
    expect(answer.ok && answer.value).toMatchObject({
      kind: "response",
      status: 400,
      callId: "clerr.0ha0isndaksdjweiafasdk3",
      cseq: { sequence: 8, method: "INVITE" },
    });
    const dropped = parseMessage(bytesOf("bigcode"));
    expect(dropped.ok || refusal(dropped.error)).toBeUndefined();
  });
});

describe("RFC 4475, in detail", () => {
  test("wsinv: everything is found in spite of its spelling", () => {
    const message = taken("wsinv");
    expect(message).toMatchObject({
      method: "INVITE",
      callId: "wsinv.ndaksdj@192.0.2.1",
      cseq: { sequence: 9, method: "INVITE" },
      from: { display: 'J Rosenberg \\"', uri: { user: "jdrosen", host: "example.com" } },
      to: { uri: { user: "vivekg", host: "chair-dnrc.example.com" } },
    });
    expect(message.to.parameters.get("tag")).toBe("1918181833n");
    expect(message.headers.get("max-forwards")).toBe("0068");
    const vias = message.headers.values("Via").map(parseVia);
    expect(vias.map((via) => via?.host)).toEqual(["192.0.2.2", "spindle.example.com", "192.168.255.111"]);
    expect(vias.map((via) => via?.transport)).toEqual(["UDP", "TCP", "UDP"]);
    expect(message.headers.get("NewFangledHeader")).toContain("newfangled value continued newfangled value");
    expect(message.headers.get("UnknownHeaderWithUnusualValue")).toBe(";;,,;;,;");
    expect(addresses(message, "Contact")?.map((one) => one.display)).toEqual(['Quoted string ""', undefined]);
    expect(contact(message)?.parameters).toEqual(
      new Map([
        ["newparam", "newvalue"],
        ["secondparam", undefined],
        ["q", "0.33"],
      ]),
    );
  });

  test("esc01: escapes are undone in URIs, and nowhere else", () => {
    const message = taken("esc01");
    expect(message.kind === "request" && message.uri).toMatchObject({ user: "sips:user@example.com" });
    expect(message.to.uri).toMatchObject({ user: "user" });
    expect(message.from.parameters.get("tag")).toBe("938");
    const [first, second] = addresses(message, "Contact") ?? [];
    expect(first?.uri).toMatchObject({
      user: "caller",
      parameters: new Map([
        ["lr", undefined],
        ["name", "value%41"],
      ]),
    });
    expect(second).toBeUndefined();
  });

  test("escnull: the NUL is part of the user, and both contacts count", () => {
    const message = taken("escnull");
    expect(message.to.uri).toMatchObject({ user: "null-\0-null" });
    expect(addresses(message, "Contact")).toHaveLength(2);
  });

  test("semiuri: the whole user part", () => {
    const message = taken("semiuri");
    expect(message.kind === "request" && message.uri).toMatchObject({
      user: "user;par=u@example.net",
      host: "example.com",
    });
  });

  test("dblreq: the second request is no body", () => {
    expect(taken("dblreq").body).toHaveLength(0);
  });

  test("mpart01: the binary body is whole", () => {
    const message = taken("mpart01");
    expect(message.body).toHaveLength(553);
    expect(message.body.indexOf(0)).toBeGreaterThan(0);
    expect(bodyText(message)).toBeUndefined();
  });

  test("unreason, noreason: phrases as they are", () => {
    expect(taken("unreason")).toMatchObject({
      status: 200,
      reason: "= 2**3 * 5**2 но сто девяносто девять - простое",
    });
    expect(taken("noreason")).toMatchObject({ status: 100, reason: "" });
  });

  test("cparam01, cparam02, regescrt: whose parameter it is", () => {
    const bare = contact(taken("cparam01"));
    expect(bare?.parameters.has("unknownparam")).toBe(true);
    expect(bare?.uri).toMatchObject({ parameters: new Map() });
    const bracketed = contact(taken("cparam02"));
    expect(bracketed?.parameters.size).toBe(0);
    expect(bracketed?.uri).toMatchObject({ parameters: new Map([["unknownparam", undefined]]) });
    expect(contact(taken("regescrt"))?.uri).toMatchObject({ headers: "Route=%3Csip:sip.example.com%3E" });
  });

  test("baddn: the name that should be quoted is one", () => {
    expect(taken("baddn").from).toMatchObject({ display: "Bell, Alexander", uri: { user: "a.g.bell" } });
    expect(parseNameAddress('"Watson, Thomas" < sip:t.watson@example.org >')?.uri.text).toBe(
      "sip:t.watson@example.org",
    );
  });
});
