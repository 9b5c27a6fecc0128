import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { hostname } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isId } from "./protocol/address.ts";

/** The version of this package. */
export const packageVersion: string = JSON.parse(readFileSync(inPackage("package.json"), "utf8")).version;

/** Where `npm run build` puts the page and the SDK. */
export const pageFolder: string = inPackage("dist/page");

/** What a media worker runs. Bun takes the sources, wherever the package lies. */
export const mediaWorkerModule: string = inPackage("src/media/worker/main.ts");

/** What the packager runs: HLS and recordings. */
export const packagerModule: string = inPackage("src/media/packager/main.ts");

/** The program of Bun: this one, or the one of the package `bun`; undefined where there is none. */
export function bundledBun(): string | undefined {
  if (process.versions.bun !== undefined) return process.execPath;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("bun/package.json"));
    const path = join(folder, "bin", "bun.exe");
    // Where install scripts may not run, a few lines of text stay in its place.
    return statSync(path).size > 1_000_000 ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The path of a program that the system has; undefined where it has none of that name. */
export function programInPath(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      if (folder !== "" && statSync(path).isFile()) return path;
    } catch {
      // It is not there.
    }
  }
  return undefined;
}

/** A node's name: the configured one, or the host's. */
export function nodeName(configured: string): string {
  if (configured !== "") return configured;
  const host = hostname().replaceAll(/[^\w.-]/g, "-");
  return isId(host) ? host : "node";
}

/** The address of a server that listens on this host. */
export function serverUrl(secure: boolean, host: string, port: number): string {
  return `${secure ? "https" : "http"}://${formatHost(host)}:${port}`;
}

/** A host as it stands in URLs: IPv6 addresses in brackets. */
export function formatHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function inPackage(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}
