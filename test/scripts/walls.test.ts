import { expect, test } from "bun:test";
// @ts-expect-error: a script, of which no types are kept.
import { findings } from "../../scripts/walls.mjs";

const walls = {
  "src/shared": { may: [] },
  "src/low": { may: ["shared"] },
  "src/high": { may: ["low", "shared"] },
  "src/reader": { may: ["low/settings.ts", "gateways/*/settings.ts"] },
  "src/low/shell": { may: ["low", "shared"], node: true },
  src: { may: ["*"], node: true },
};

/** The findings of a tree whose files import what is named: of the tree's files by path, else by module name. */
function check(
  tree: Record<string, string[]>,
  { circles = [], apart = [] }: { circles?: string[][]; apart?: { from: string; to: string }[] } = {},
): string[] {
  const files = Object.entries(tree).map(([path, names]) => {
    const up = "../".repeat(path.split("/").length - 1);
    const lines = names.map((name) => `import type { A } from "${name.includes("/") ? up + name : name}";`);
    return [path, lines.join("\n")] as const;
  });
  return findings(new Map(files), { walls, circles, apart });
}

test("a tree within its walls has no findings", () => {
  const tree = {
    "src/main.ts": ["src/high/a.ts", "node:fs"],
    "src/high/a.ts": ["src/low/a.ts"],
    "src/low/a.ts": ["src/shared/a.ts"],
    "src/low/a.test.ts": ["src/high/a.ts", "bun:test"],
    "src/low/shell/a.ts": ["src/low/a.ts", "node:net"],
    "src/shared/a.ts": [],
  };
  expect(check(tree)).toEqual([]);
});

test("an import through a wall is found, by type and by any other form", () => {
  expect(check({ "src/low/a.ts": ["src/high/a.ts"], "src/high/a.ts": [] })).toEqual([
    "src/low/a.ts: src/low may not import src/high/a.ts",
  ]);
  const forms = [
    'import "../high/a.ts";',
    'import(\n  "../high/a.ts")',
    'export * from "../high/a.ts"',
    'new URL("../high/a.ts", import.meta.url)',
  ];
  for (const form of forms)
    expect(findings(new Map([["src/low/a.ts", form]]), { walls, circles: [], apart: [] })).toEqual([
      "src/low/a.ts: src/low may not import src/high/a.ts",
    ]);
});

test("what is pure imports neither the runtime nor its own shell", () => {
  expect(check({ "src/low/a.ts": ["node:net"] })).toEqual(["src/low/a.ts: src/low may not import node:net"]);
  expect(check({ "src/low/a.ts": ["src/low/shell/a.ts"], "src/low/shell/a.ts": [] })).toEqual([
    "src/low/a.ts: src/low may not import src/low/shell/a.ts",
  ]);
});

const circle = {
  "src/low/a.ts": ["src/low/b.ts"],
  "src/low/b.ts": ["src/low/c.ts"],
  "src/low/c.ts": ["src/low/a.ts"],
  "src/low/d.ts": ["src/low/a.ts"],
};

test("a circle of type imports is found, with those that are in it", () => {
  expect(check(circle)).toEqual([
    "these import each other in a circle: src/low/a.ts, src/low/b.ts, src/low/c.ts",
  ]);
});

test("a circle is allowed when it is listed as it is", () => {
  const [a, b, c, d] = Object.keys(circle) as [string, string, string, string];
  expect(check(circle, { circles: [[c, a, b]] })).toEqual([]);
  expect(check(circle, { circles: [[a, b, c, d]] })).toEqual([
    "these import each other in a circle: src/low/a.ts, src/low/b.ts, src/low/c.ts",
    "walls.json allows a circle that there is not: src/low/a.ts, src/low/b.ts, src/low/c.ts, src/low/d.ts",
  ]);
});

test("a list may not span folders, nor name a circle that is gone", () => {
  const across = { "src/low/a.ts": ["src/low/x/b.ts"], "src/low/x/b.ts": ["src/low/a.ts"] };
  expect(check(across, { circles: [Object.keys(across)] })).toEqual([
    "walls.json allows a circle in more than one folder: src/low/a.ts, src/low/x/b.ts",
  ]);
  expect(check({ "src/low/a.ts": [] }, { circles: [["src/low/a.ts", "src/low/b.ts"]] })).toEqual([
    "walls.json allows a circle that there is not: src/low/a.ts, src/low/b.ts",
  ]);
});

test("parts that stay apart do so in their tests too, and over what those import", () => {
  const tree = {
    "src/low/a.ts": [],
    "src/low/a.test.ts": ["test/support/sim.ts"],
    "test/support/sim.ts": ["src/high/a.ts"],
    "src/high/a.ts": ["src/low/a.ts"],
  };
  expect(check(tree, { apart: [{ from: "src/low", to: "src/high" }] })).toEqual([
    "src/low must stay apart from src/high: src/low/a.test.ts → test/support/sim.ts → src/high/a.ts",
  ]);
  expect(
    check({ ...tree, "test/support/sim.ts": [] }, { apart: [{ from: "src/low", to: "src/high" }] }),
  ).toEqual([]);
});

test("a folder may be allowed some files of another, and no others", () => {
  const tree = {
    "src/reader/a.ts": ["src/low/settings.ts", "src/gateways/sip/settings.ts"],
    "src/low/settings.ts": [],
    "src/gateways/sip/settings.ts": [],
  };
  expect(check(tree)).toEqual([]);
  const more = [
    "src/low/a.ts",
    "src/low/shell/settings.ts",
    "src/gateways/settings.ts",
    "src/gateways/sip/a.ts",
  ];
  const others = Object.fromEntries(more.map((path) => [path, []]));
  expect(check({ ...others, "src/reader/a.ts": more })).toEqual(
    more.map((path) => `src/reader/a.ts: src/reader may not import ${path}`),
  );
});
