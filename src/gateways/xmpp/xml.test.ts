import { describe, expect, test } from "bun:test";
import {
  child,
  children,
  clientNs,
  element,
  elements,
  serialize,
  streamNs,
  text,
  type XmlElement,
} from "./xml.ts";
import { parseXml, signInLimits, stanzaLimits, XmlStream } from "./xml-parser.ts";

function parsed(input: string): XmlElement {
  const result = parseXml(input, stanzaLimits);
  if (!result.ok) throw new Error(result.error.reason);
  return result.value;
}

function condition(input: string, limits = stanzaLimits): string | undefined {
  const result = parseXml(input, limits);
  return result.ok ? undefined : result.error.condition;
}

describe("parsing one element", () => {
  test("takes names, namespaces, attributes and text", () => {
    const message = parsed(
      `<message xmlns="jabber:client" to="a&amp;b" xml:lang="en" x:y="1" xmlns:x="urn:x">` +
        `<body>1 &lt; 2<![CDATA[ & 3]]></body><x:data/><body>two</body></message>`,
    );
    expect(message.ns).toBe(clientNs);
    expect(message.attributes).toEqual({ to: "a&b", "xml:lang": "en" });
    expect(text(child(message, "body")!)).toBe("1 < 2 & 3");
    expect(children(message, "body").map(text)).toEqual(["1 < 2 & 3", "two"]);
    expect(child(message, "data", "urn:x")).toBeDefined();
    expect(child(message, "data")).toBeUndefined();
    expect(elements(message)).toHaveLength(3);
  });

  test.each([
    ["", "not-well-formed"],
    ["text", "not-well-formed"],
    ["<a/><b/>", "not-well-formed"],
    ["<a/>text", "not-well-formed"],
    ["<a>", "not-well-formed"],
    ["<a></b>", "not-well-formed"],
    ["<a b='1' b='2'/>", "not-well-formed"],
    ["<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>", "not-well-formed"],
    ["<a b='<'/>", "not-well-formed"],
    ["<a>\u0000</a>", "not-well-formed"],
    ["<a>&#0;</a>", "not-well-formed"],
    ["<?xml version='1.1'?><a>&#1;</a>", "not-well-formed"],
    ["<x:a/>", "bad-namespace-prefix"],
    ["<a x:b='1'/>", "bad-namespace-prefix"],
    ["<a>&nbsp;</a>", "restricted-xml"],
    ["<!DOCTYPE a><a/>", "restricted-xml"],
    ["<!DOCTYPE a [<!ENTITY b '&c;&c;'>]><a>&b;</a>", "restricted-xml"],
    ["<a><?php 1?></a>", "restricted-xml"],
    ["<a><!-- --></a>", "restricted-xml"],
    ["<a>".repeat(33) + "</a>".repeat(33), "policy-violation"],
    [`<a>${"x".repeat(262_144)}</a>`, "policy-violation"],
  ])("refuses %p", (input, wanted) => {
    expect(condition(input)).toBe(wanted);
  });

  test("takes as much as it may, and before sign-in little", () => {
    expect(condition("<a>".repeat(32) + "</a>".repeat(32))).toBeUndefined();
    expect(condition(`<a>${"x".repeat(20_000)}</a>`)).toBeUndefined();
    expect(condition(`<a>${"x".repeat(20_000)}</a>`, signInLimits)).toBe("policy-violation");
  });

  test("names of Object's prototype are names like others", () => {
    const odd = parsed("<constructor __proto__='1' toString='2'/>");
    expect(Object.keys(odd.attributes)).toEqual(["toString"]);
    expect(odd.name).toBe("constructor");
  });
});

describe("serializing", () => {
  test("is undone by parsing", () => {
    const tree = element(
      "iq",
      clientNs,
      { id: `<&>"'\t\n\r`, to: undefined },
      element("query", "urn:a", {}, "a < b & c > d\r\n]]>", element("inner", "urn:a"), element("none", "")),
      undefined,
    );
    expect(parsed(serialize(tree))).toEqual(tree);
    expect(serialize(tree, clientNs)).toStartWith("<iq id=");
  });

  test("elements of the stream have its prefix", () => {
    const features = element("features", streamNs, {}, element("bind", "urn:b"));
    expect(serialize(features)).toBe(
      `<stream:features xmlns:stream="${streamNs}"><bind xmlns="urn:b"/></stream:features>`,
    );
    expect(parsed(serialize(features))).toEqual(features);
  });

  test("what XML has no form for is replaced", () => {
    const bell = element("a", "", { b: "\u0001" }, "x\u0000\ud800y\ufffe😀");
    expect(serialize(bell)).toBe(`<a b="\ufffd">x\ufffd\ufffdy\ufffd😀</a>`);
    expect(condition(serialize(bell))).toBeUndefined();
  });
});

describe("a stream", () => {
  function reader() {
    const seen: string[] = [];
    const stream = new XmlStream(
      { size: 200, depth: 3 },
      {
        opened: (root) => seen.push(`open ${root.attributes.id}`),
        element: (one) => seen.push(serialize(one, clientNs)),
        ended: () => seen.push("end"),
      },
    );
    return { seen, stream };
  }
  const header = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${streamNs}' id='7'>`;

  test("brings each child of the root, however the text is cut", () => {
    const whole = `${header} <message><body>hi</body></message>\n<presence/></stream:stream>`;
    for (const size of [1, 7, whole.length]) {
      const { seen, stream } = reader();
      for (let at = 0; at < whole.length; at += size)
        expect(stream.write(whole.slice(at, at + size))).toBeUndefined();
      expect(seen).toEqual(["open 7", "<message><body>hi</body></message>", "<presence/>", "end"]);
    }
  });

  test("ends at the first fault", () => {
    const { seen, stream } = reader();
    expect(stream.write(`${header}<a/><!-- -->`)?.condition).toBe("restricted-xml");
    expect(stream.write("<b/>")?.condition).toBe("restricted-xml");
    expect(seen).toHaveLength(2);
  });

  test("one element has a bound, many have none, and space between them is not kept", () => {
    const { seen, stream } = reader();
    stream.write(header);
    for (let n = 0; n < 100; n++) expect(stream.write("<a>0123456789</a>")).toBeUndefined();
    expect(seen).toHaveLength(101);
    expect(stream.write("<a><b><c/></b></a>")).toBeUndefined();
    stream.write("<a>");
    for (let n = 0; n < 19; n++) expect(stream.write("0123456789")).toBeUndefined();
    expect(stream.write("0123456789")?.condition).toBe("policy-violation");
    const deep = reader();
    expect(deep.stream.write(`${header}<a><b><c><d/></c></b></a>`)?.condition).toBe("policy-violation");
  });
});
