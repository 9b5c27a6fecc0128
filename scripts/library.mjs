// Compiles sources to the JavaScript and the declarations that a package ships. A library's `prepare` calls it.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { attempt, root } from "./modules.mjs";

const importing = /(\bfrom|\bimport)(\s*\(?\s*)"([^"]+)"/g;

/**
 * Compiles the `project` (a tsconfig file) to the folder `target`. JavaScript is kept as far as `code` reaches, declarations
 * as far as `types` reach: files named without their ending. What is only imported for its types brings no code along.
 * Where `instead` has a text for a file, that takes its place. Answers the packages that what was kept imports. Paths are
 * relative to the root.
 */
export function buildLibrary({ project, target, code, types, instead = {} }) {
  const scratch = `${root}.cache/library-${process.pid}`;
  const kept = `${scratch}-kept`;
  const imported = new Set();
  try {
    const tsc = `${root}node_modules/typescript/bin/tsc`;
    if (attempt(process.execPath, [tsc, "-p", project, "--outDir", scratch]) !== 0)
      throw new Error(`${project} does not compile`);
    for (const file of code) keep(`${file}.js`, ".js");
    for (const file of types) keep(`${file}.d.ts`, ".d.ts");
    rmSync(root + target, { recursive: true, force: true });
    mkdirSync(dirname(root + target), { recursive: true });
    renameSync(kept, root + target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(kept, { recursive: true, force: true });
  }
  return [...imported].sort();

  function keep(file, ending) {
    if (existsSync(join(kept, file))) return;
    const next = [];
    // tsc leaves sources' names in declarations; compilers before 5.7 read them as they stand.
    const written = instead[file] ?? readFileSync(join(scratch, file), "utf8");
    const text = written.replaceAll(importing, (_, word, space, name) => {
      const relative = name.startsWith(".");
      if (relative) next.push(join(dirname(file), name).replace(/\.[jt]s$/, ending));
      else imported.add(name);
      return `${word}${space}"${relative ? name.replace(/\.ts$/, ".js") : name}"`;
    });
    mkdirSync(dirname(join(kept, file)), { recursive: true });
    writeFileSync(join(kept, file), text);
    for (const path of next) keep(path, ending);
  }
}
