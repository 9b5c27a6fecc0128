import { describe, expect, test } from "bun:test";
import { splitValues } from "./header-values.ts";
import { Headers } from "./headers.ts";
import {
  type Content,
  contact,
  fromTag,
  makeRequest,
  makeResponse,
  type SipRequest,
  toTag,
  withReceived,
} from "./message.ts";
import { sessionDescription } from "./multipart.ts";
import { formatNameAddress, nameAddress, parseNameAddress } from "./name-address.ts";
import { noParameters, parseParameters } from "./parameters.ts";
import { parseMessage } from "./parser.ts";
import { serializeBytes, serializeText } from "./serializer.ts";
import { makeSipUri, parseUri } from "./uri.ts";
import { parseVia } from "./via.ts";

function request(text: string): SipRequest {
  const parsed = parseMessage(text);
  if (!parsed.ok || parsed.value.kind !== "request")
    throw new Error(parsed.ok ? "a response" : parsed.error.reason);
  return parsed.value;
}

const lines = (more = "", body = "") =>
  `INVITE sip:bob@b.example SIP/2.0\r\nv: SIP/2.0/WS a.invalid;branch=z9hG4bK1;rport, SIP/2.0/TCP c;branch=z9hG4bK2\r\n` +
  `f: "Al \\"ice" <sip:alice@b.example>;tag=1\r\nt: <sip:bob@b.example>\r\ni: 1@a\r\nCSeq: 7 INVITE\r\n${more}\r\n${body}`;

describe("URIs", () => {
  test("the parts of a SIP URI", () => {
    expect(parseUri("SIPS:a%40b:pw@[2001:DB8::1]:5061;Transport=ws;lr;gr=x%20y?Subject=a&b=")).toEqual({
      scheme: "sips",
      text: "SIPS:a%40b:pw@[2001:DB8::1]:5061;Transport=ws;lr;gr=x%20y?Subject=a&b=",
      user: "a@b",
      host: "[2001:db8::1]",
      port: 5_061,
      parameters: new Map([
        ["transport", "ws"],
        ["lr", undefined],
        ["gr", "x y"],
      ]),
      headers: "Subject=a&b=",
    });
    expect(parseUri("tel:+1-(201) 555")).toBeUndefined();
    expect(parseUri("tel:+1-(201).555;phone-context=x")).toMatchObject({ number: "+1201555" });
    expect(parseUri("urn:service:sos")).toEqual({ scheme: "other", text: "urn:service:sos" });
  });

  test("what is none", () => {
    for (const wrong of [
      "",
      "sip",
      "sip:",
      "1sip:a",
      "sip:@b",
      "sip:a@",
      "sip:a@b@c",
      "sip:a b@c",
      "sip:a%4@b",
      "sip:a%zz@b",
      "sip:a@b:70000",
      "sip:a@b:",
      "sip:a@b;",
      "sip:a@b;x=1;X=2",
      "sip:a@b?",
      "sip:a@[::1",
      "sip:é@b",
      "<sip:a@b>",
      "tel:",
      "tel:+",
      "tel:12+3",
    ])
      expect([wrong, parseUri(wrong)]).toEqual([wrong, undefined]);
  });

  test("users are escaped when an URI is made, and found again", () => {
    for (const user of ["alice", "alice/desk", "Jürgen @ home", "+49 30", "50%", "a;b=c"])
      expect(makeSipUri(user, "b.example", ";transport=ws")).toMatchObject({ user, host: "b.example" });
  });
});

describe("header values", () => {
  test("addresses are the same after they were written", () => {
    for (const text of [
      "<sip:a@b>",
      "Bob <sip:a@b;lr>;tag=1",
      '"B, \\"o\\\\b" <sip:a@b>;x="1 2";expires=60;+sip.ice',
    ]) {
      const address = parseNameAddress(text);
      if (address === undefined) throw new Error(text);
      expect(formatNameAddress(address)).toBe(text);
    }
    const made = nameAddress(makeSipUri("a", "b"), { tag: "1" }, 'say "hi"');
    expect(parseNameAddress(formatNameAddress(made))).toEqual(made);
  });

  test("what is no address", () => {
    for (const wrong of [
      "",
      "<>",
      "<sip:a@b",
      "sip:a@b>",
      '"x <sip:a@b>',
      '"x" sip:a@b',
      "<sip:a@b>x",
      "sip:a@b,c",
      "<sip:a@b>;;",
      "<sip:a@b>;a=1;A=2",
    ])
      expect([wrong, parseNameAddress(wrong)]).toEqual([wrong, undefined]);
  });

  test("lists are split outside of quotes and brackets", () => {
    expect(splitValues('"a, b" <sip:x,y@b>;q="1,2" , <sip:c@d>,, e')).toEqual([
      '"a, b" <sip:x,y@b>;q="1,2"',
      "<sip:c@d>",
      "e",
    ]);
    expect(splitValues(" , ")).toEqual([]);
    expect(parseParameters("", 0)).toBe(noParameters);
  });

  test("Via: blanks, IPv6, other versions", () => {
    expect(parseVia("sip / 2.0 / udp [::1] : 5060 ;branch = z9hG4bKx")).toMatchObject({
      transport: "UDP",
      host: "[::1]",
      port: 5_060,
      branch: "z9hG4bKx",
    });
    for (const wrong of [
      "",
      "SIP/2.0/UDP",
      "SIP/3.0/UDP a",
      "HTTP/2.0/UDP a",
      "SIP/2.0/UDP a:b",
      "SIP/2.0/UDP a;;",
    ])
      expect(parseVia(wrong)).toBeUndefined();
  });

  test("headers are found by any of their names, and no value begins a header of its own", () => {
    const headers = new Headers([
      ["m", "<sip:a@b>"],
      ["x-Own", "1"],
    ]).add("Subject", "a\r\nVia: evil");
    expect(headers.get("CONTACT")).toBe("<sip:a@b>");
    expect([...headers]).toEqual([
      ["Contact", "<sip:a@b>"],
      ["x-Own", "1"],
      ["Subject", "a Via: evil"],
    ]);
    headers.add("Contact", "<sip:c@d>").set("contact", "*");
    expect(headers.lines("m")).toEqual(["*"]);
    expect(headers.remove("X-OWN").has("x-own")).toBe(false);
    expect(new Headers([["k", "timer, 100REL"]]).includes("Supported", "100rel")).toBe(true);
  });
});

describe("messages", () => {
  test("a request that was made is one", () => {
    const [uri, via] = [makeSipUri("bob", "b"), parseVia("SIP/2.0/WS gw;branch=z9hG4bK9")];
    if (via === undefined) throw new Error("no Via");
    const body: Content = { type: "application/sdp", content: "v=0\r\né" };
    const made = makeRequest({
      method: "INVITE",
      uri,
      via,
      from: nameAddress(makeSipUri("a", "b"), { tag: "1" }, "Ä\r\nTo: x"),
      to: nameAddress(uri),
      callId: "c",
      sequence: 1,
      headers: [["Contact", "<sip:gw>"]],
      body,
    });
    const again = request(serializeText(made) ?? "");
    expect(again).toMatchObject({ method: "INVITE", callId: "c", cseq: { sequence: 1, method: "INVITE" } });
    expect([fromTag(again), toTag(again)]).toEqual(["1", undefined]);
    expect(again.headers.get("Content-Length")).toBe("7");
    expect(sessionDescription(again)).toBe("v=0\r\né");
    expect(contact(again)?.uri.text).toBe("sip:gw");
    expect(parseMessage(serializeBytes(made)).ok).toBe(true);
  });

  test("a response takes over what it must", () => {
    const asked = request(lines("Record-Route: <sip:p;lr>\r\nTimestamp: 5\r\n"));
    const answer = makeResponse(asked, 180, { toTag: "9", headers: [["Contact", "<sip:gw>"]] });
    expect(serializeText(answer)).toBe(
      "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK1;rport, SIP/2.0/TCP c;branch=z9hG4bK2\r\n" +
        'From: "Al \\"ice" <sip:alice@b.example>;tag=1\r\nTo: <sip:bob@b.example>;tag=9\r\nCall-ID: 1@a\r\nCSeq: 7 INVITE\r\n' +
        "Record-Route: <sip:p;lr>\r\nContact: <sip:gw>\r\nContent-Length: 0\r\n\r\n",
    );
    const trying = makeResponse(asked, 100, { toTag: "9" });
    expect([trying.to.parameters.size, trying.headers.get("Timestamp")]).toEqual([0, "5"]);
    expect(makeResponse(asked, 486).headers.has("Record-Route")).toBe(false);
  });

  test("where a request came from is added to its first hop, the others stay", () => {
    const received = withReceived(request(lines()), "192.0.2.7", 5_070);
    expect(received.headers.values("Via")).toEqual([
      "SIP/2.0/WS a.invalid;branch=z9hG4bK1;rport=5070;received=192.0.2.7",
      "SIP/2.0/TCP c;branch=z9hG4bK2",
    ]);
  });

  test("a description inside multipart/mixed is found", () => {
    const parts =
      "--b\r\nContent-Type: text/plain\r\n\r\nv=1\r\n--b\r\nContent-Type: application/SDP; x\r\n\r\nv=0\r\no=-\r\n--b--\r\n";
    const asked = request(lines('c: multipart/mixed; boundary="b"\r\n', parts));
    expect(sessionDescription(asked)).toBe("v=0\r\no=-");
    expect(sessionDescription(request(lines("c: multipart/mixed\r\n", parts)))).toBeUndefined();
    expect(sessionDescription(request(lines("c: text/plain\r\n", "v=0")))).toBeUndefined();
  });

  test("too much of anything is refused", () => {
    const refused = (text: string) => {
      const parsed = parseMessage(text);
      return parsed.ok ? "taken" : parsed.error.reason;
    };
    expect(refused(lines("X: 1\r\n".repeat(123)))).toBe("taken");
    expect(refused(lines("X: 1\r\n".repeat(124)))).toBe("too many headers");
    expect(refused(lines(`X: ${"x".repeat(8_190)}\r\n`))).toBe("header too long");
    expect(refused(lines(`X: ${"x".repeat(8_000)}\r\n`.repeat(5)))).toBe("headers too long");
    expect(refused(lines("", "x".repeat(65_536)))).toBe("message too long");
    expect(refused(lines().replace("bob@", `${"b".repeat(9_000)}@`))).toBe("start line too long");
  });
});
