import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { closeCodes } from "./close-codes.ts";
import { maxNesting } from "./codec.ts";
import { endReasons } from "./end-reasons.ts";
import { errorCodes } from "./error-codes.ts";
import { resumeRefusals } from "./handshake.ts";
import { defaultLimits } from "./limits.ts";
import { pushes } from "./pushes.ts";
import { fillMarkers, referenceTables } from "./reference-tables.ts";
import { ReplyFrame, replies } from "./replies.ts";
import { requests } from "./requests.ts";
import { linkFrames, schemaDocument, sharedValues } from "./schema-document.ts";
import { paths, serverFeatures, subprotocol } from "./version.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const protocol = read("docs/protocol.md");
const errors = read("docs/errors.md");
const tables = referenceTables(read("src/protocol/limits.ts"));
const outOfDate = "out of date: npm run docs";

/** Everything outside the generated parts. */
const prose = (text: string) => text.replace(/<!-- generated: \S+ -->[\s\S]*?<!-- end -->/g, "");

describe("docs/protocol.schema.json", () => {
  const document = schemaDocument() as { $defs: Record<string, object> };

  test("is what the code says", () => {
    expect(read("docs/protocol.schema.json") === `${JSON.stringify(document, null, 2)}\n` || outOfDate).toBe(
      true,
    );
  });

  test("has a frame for each request, reply and push, and no reference to nowhere", () => {
    const expected = [
      ...Object.keys(linkFrames),
      ...Object.keys(requests).flatMap((type) => [`request.${type}`, `reply.${type}`]),
      ...Object.keys(pushes).map((type) => `push.${type}`),
      "reply.error",
      "clientFrame",
      "serverFrame",
    ];
    expect(Object.keys(document.$defs).sort()).toEqual(expected.sort());
    for (const [, name = ""] of JSON.stringify(document).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g))
      expect(document.$defs).toHaveProperty([name]);
  });
});

describe("docs/protocol.md", () => {
  test("has its generated parts up to date", () => {
    expect(fillMarkers(protocol, tables) === protocol || outOfDate).toBe(true);
  });

  test("has each generated part once, and no other", () => {
    const markers = [...`${protocol}${errors}`.matchAll(/<!-- generated: (\S+) -->/g)].map(
      ([, name]) => name,
    );
    expect(markers.sort()).toEqual([...tables.keys()].sort());
  });

  test("shows examples that are valid frames", () => {
    const examples = [...protocol.matchAll(/^([→←]) (\{.*\})$/gm)];
    expect(examples.length).toBeGreaterThan(20);
    for (const [, arrow, text = ""] of examples) {
      const frame = JSON.parse(text) as Record<string, unknown>;
      const schema = schemaOf(arrow === "→", frame);
      if (schema === undefined) throw new Error(`no such frame: ${text}`);
      if (!Compile(schema).Check(frame)) throw new Error(`breaks its schema: ${text}`);
    }
  });

  test("names no code, field, type, limit or reason that is not there", () => {
    const known = knownWords();
    const unknown = [...prose(protocol).matchAll(/`([^`\n]+)`/g)]
      .flatMap(([, code = ""]) => code.match(/[A-Za-z]+(?:[_A-Z][A-Za-z]*)+/g) ?? [])
      .filter((word) => /_|[a-z][A-Z]/.test(word) && !known.has(word));
    expect(unknown).toEqual([]);
  });

  test("names close codes that exist, and each of them", () => {
    const codes = new Set<number>(Object.values(closeCodes).map(({ code }) => code));
    const ranges = new Set([4100, 4199, 4299, 4399]);
    const named = [...protocol.matchAll(/\b4[0-9]{3}\b/g)].map(([text]) => Number(text));
    expect(named.filter((code) => !codes.has(code) && !ranges.has(code))).toEqual([]);
    expect([...codes].filter((code) => code > 4000 && !named.includes(code))).toEqual([]);
  });

  test("tells the paths, the subprotocol, the features and the nesting bound of the code", () => {
    expect(protocol).toContain(`\`${paths.websocket}\`, subprotocol \`${subprotocol}\``);
    expect(protocol).toContain(`All at \`${paths.http}\``);
    const listed = protocol.match(/Known today: ([^.]*)\./)?.[1] ?? "";
    expect(listed.match(/\w+/g)).toEqual([...serverFeatures]);
    expect(protocol).toContain(`nested deeper than ${maxNesting} levels`);
  });

  test("numbers each rule once, and cites rules that exist", () => {
    const rules = [...protocol.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map(([, id]) => id);
    const inTable = [...protocol.matchAll(/^\|.*\|(.*)\|$/gm)].flatMap(([, last = ""]) =>
      [...last.matchAll(/\*\*([A-Z]\d+)\*\*/g)].map(([, id]) => id),
    );
    expect(new Set(rules).size).toBe(rules.length);
    const all = new Set([...rules, ...inTable]);
    for (const [, id] of protocol.matchAll(/\*\*([A-Z]\d+)\*\*/g)) expect(all.has(id)).toBe(true);
  });

  test("links to headings that exist", () => {
    for (const [text, name] of [
      [protocol, "protocol.md"],
      [errors, "errors.md"],
    ] as const) {
      const targets = [...text.matchAll(/\]\((protocol\.md)?#([^)]+)\)/g)];
      for (const [link, file, anchor = ""] of targets)
        expect([link, anchors(file === undefined ? text : protocol).has(anchor)]).toEqual([link, true]);
      expect([name, targets.length > 0]).toEqual([name, true]);
    }
  });
});

describe("docs/errors.md", () => {
  test("has its generated part up to date", () => {
    expect(fillMarkers(errors, tables) === errors || outOfDate).toBe(true);
  });

  test("says of each code what to do, and of no other", () => {
    const codes = [...prose(errors).matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code ?? "");
    expect(codes).toEqual(Object.keys(errorCodes));
  });
});

test("a marker that no table has is a mistake", () => {
  expect(() => fillMarkers("<!-- generated: nothing -->\n<!-- end -->", tables)).toThrow("nothing");
});

function schemaOf(fromClient: boolean, frame: Record<string, unknown>): TSchema | undefined {
  const type = String(frame.type);
  if (frame.re !== undefined) {
    const ok = Object.values(replies).some((schema) => Compile(schema).Check(frame.ok ?? {}));
    return ok ? ReplyFrame : undefined;
  }
  if (type === "ack") return fromClient ? linkFrames.clientAck : linkFrames.serverAck;
  if (Object.hasOwn(linkFrames, type)) return linkFrames[type as keyof typeof linkFrames];
  const table: Record<string, TSchema> = fromClient ? requests : pushes;
  return Object.hasOwn(table, type) ? table[type] : undefined;
}

function knownWords(): Set<string> {
  const words = new Set<string>([
    ...Object.keys(errorCodes),
    ...Object.keys(endReasons),
    ...Object.keys(resumeRefusals),
    ...Object.keys(defaultLimits),
    ...Object.keys(pushes),
    ...Object.keys(requests),
    ...Object.keys(linkFrames),
    "RTCPeerConnection",
    "RTCConfiguration",
  ]);
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      words.add(key);
      if (key === "const") words.add(String(child));
      collect(child);
    }
  };
  collect([requests, replies, pushes, linkFrames, sharedValues]);
  return words;
}

/** The anchors that Markdown viewers give to the headings. */
function anchors(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}
