// The walls of the tree: which folder may import which, and no circles, type imports counted. Part of `npm run check`.
// The rules are in walls.json.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./modules.mjs";

const importing = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"|new URL\(\s*"(\.[^"]+)"/g;

/**
 * What is wrong with a tree: a line for each import through a wall, each circle, and each way between parts that must stay apart.
 *
 * @param {ReadonlyMap<string, string>} files Path to text. Walls and circles are those of `src/` without its tests.
 * @param {{
 *   walls: Record<string, { may: string[], node?: boolean }>,
 *   circles: string[][],
 *   apart: { from: string, to: string }[],
 * }} rules
 * @returns {string[]}
 */
export function findings(files, { walls, circles, apart }) {
  const imports = new Map([...files].map(([file, text]) => [file, importsOf(file, text)]));
  const graph = new Map([...imports].map(([file, names]) => [file, names.filter((name) => files.has(name))]));
  const sources = new Map([...graph].filter(([file]) => isSource(file)));
  return [
    ...throughWalls(new Map([...imports].filter(([file]) => isSource(file))), walls),
    ...notAllowed(circlesOf(sources), circles),
    ...apart.flatMap((parts) => waysBetween(graph, parts)),
  ];
}

/** What a file imports: the paths of files of the tree, and the names of modules. */
function importsOf(file, text) {
  const names = [...text.matchAll(importing)].map(([, plain, url]) => plain ?? url);
  return names.map((name) => (name.startsWith(".") ? posix.join(posix.dirname(file), name) : name));
}

function isSource(file) {
  return file.startsWith("src/") && !/\.test\.tsx?$/.test(file);
}

function throughWalls(imports, walls) {
  const rules = Object.entries(walls)
    .map(([path, rule]) => ({ ...rule, path, pattern: patternOf(path), allows: rule.may.map(allowedBy) }))
    .sort((a, b) => b.path.length - a.path.length);
  const ruleOf = (file) => rules.find(({ pattern }) => pattern.test(file));
  const found = [];
  for (const [file, names] of imports) {
    const rule = ruleOf(file);
    for (const name of names) {
      if (/^(node:|bun$|bun:)/.test(name) && rule.node !== true)
        found.push(`${file}: ${rule.path} may not import ${name}`);
      if (!name.startsWith("src/") || ruleOf(name) === rule || rule.may.includes("*")) continue;
      if (!rule.allows.some((allowed) => allowed.test(name)))
        found.push(`${file}: ${rule.path} may not import ${name}`);
    }
  }
  return found;
}

function patternOf(path) {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll("*", "[^/]+")}(/|$)`);
}

/** The circles that are not in the list, and what in the list is not, or may not be, a circle. */
function notAllowed(circles, allowed) {
  const nameOf = (files) => [...files].sort().join(", ");
  const names = new Set(circles.map(nameOf));
  const listed = new Set(allowed.map(nameOf));
  const found = [];
  for (const name of names) if (!listed.has(name)) found.push(`these import each other in a circle: ${name}`);
  for (const files of allowed) {
    if (new Set(files.map(posix.dirname)).size > 1)
      found.push(`walls.json allows a circle in more than one folder: ${nameOf(files)}`);
    else if (!names.has(nameOf(files)))
      found.push(`walls.json allows a circle that there is not: ${nameOf(files)}`);
  }
  return found;
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
    for (const next of graph.get(file)) {
      if (!graph.has(next)) continue;
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file), low.get(next)));
    }
    if (low.get(file) !== index.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) circles.push(circle);
  }
}

/** The shortest way of imports from each file of one part (its tests included) into the other. */
function waysBetween(graph, { from, to }) {
  const [starts, end] = [patternOf(from), patternOf(to)];
  const found = [];
  for (const start of graph.keys()) {
    if (!starts.test(start)) continue;
    const cameFrom = new Map([[start, undefined]]);
    for (const file of cameFrom.keys()) {
      if (end.test(file)) {
        const way = [];
        for (let at = file; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
        found.push(`${from} must stay apart from ${to}: ${way.join(" → ")}`);
        break;
      }
      for (const next of graph.get(file)) if (!cameFrom.has(next)) cameFrom.set(next, file);
    }
  }
  return found;
}

/** The sources, and the tests. */
function tree() {
  const entries = ["src", "test"].flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, withFileTypes: true }),
  );
  return new Map(
    entries
      .filter(({ name }) => /\.tsx?$/.test(name))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .map((path) => [path.slice(root.length), readFileSync(path, "utf8")]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = findings(tree(), JSON.parse(readFileSync(`${root}scripts/walls.json`, "utf8")));
  for (const line of found) console.error(line);
  process.exitCode = found.length > 0 ? 1 : 0;
}
