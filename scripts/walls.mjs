// The walls of the tree: which folder may import which, and no circles, type imports counted. Part of `npm run check`.
// The rules are in walls.json.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./modules.mjs";

const importing = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"|new URL\(\s*"(\.[^"]+)"/g;

/** What is wrong with a tree: a line for each import through a wall and each circle. `files`: path to text. */
export function findings(files, { walls, circles }) {
  const rules = Object.entries(walls)
    .map(([path, rule]) => ({ ...rule, path, pattern: patternOf(path), allows: rule.may.map(allowedBy) }))
    .sort((a, b) => b.path.length - a.path.length);
  const ruleOf = (file) => rules.find(({ pattern }) => pattern.test(file));
  const found = [];
  const graph = new Map();
  for (const [file, text] of files) {
    const rule = ruleOf(file);
    const next = new Set();
    for (const [, plain, url] of text.matchAll(importing)) {
      const name = plain ?? url;
      if (!name.startsWith(".")) {
        if (/^(node:|bun$|bun:)/.test(name) && rule.node !== true)
          found.push(`${file}: ${rule.path} may not import ${name}`);
        continue;
      }
      const target = posix.join(posix.dirname(file), name);
      if (files.has(target)) next.add(target);
      if (!target.startsWith("src/") || ruleOf(target) === rule || rule.may.includes("*")) continue;
      const folder = target.split("/")[1];
      if (!rule.allows.some((allowed) => allowed.test(target)))
        found.push(`${file}: ${rule.path} may not import ${target}`);
      else if (isShell(target) && !isShell(file) && folder === file.split("/")[1])
        found.push(`${file}: what is pure may not import the shell ${target}`);
    }
    graph.set(file, next);
  }
  for (const circle of circlesOf(graph)) {
    const allowed = circles.some((list) => circle.every((file) => list.includes(file)));
    if (!allowed) found.push(`these import each other in a circle: ${circle.sort().join(", ")}`);
  }
  return found;

  /** A shell is a part of a folder with a rule of its own. */
  function isShell(file) {
    return ruleOf(file).path.split("/").length > 2;
  }
}

function patternOf(path) {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll("*", "[^/]+")}(/|$)`);
}

/** What an entry of `may` stands for: a folder of src, a path below it, or a file. */
function allowedBy(entry) {
  return patternOf(`src/${entry}`);
}

/** The strongly connected components with more than one file (Tarjan). */
function circlesOf(graph) {
  const [index, low, stack, circles] = [new Map(), new Map(), [], []];
  for (const file of graph.keys()) if (!index.has(file)) visit(file);
  return circles;

  function visit(file) {
    index.set(file, index.size);
    low.set(file, index.get(file));
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file), low.get(next)));
    }
    if (low.get(file) !== index.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) circles.push(circle);
  }
}

/** The sources without their tests. */
function sources() {
  const entries = readdirSync(`${root}src`, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter(({ name }) => /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .map((path) => [path.slice(root.length), readFileSync(path, "utf8")]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = findings(sources(), JSON.parse(readFileSync(`${root}scripts/walls.json`, "utf8")));
  for (const line of found) console.error(line);
  process.exitCode = found.length > 0 ? 1 : 0;
}
