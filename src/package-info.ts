import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { isId } from "./protocol/address.ts";

/** The version of this package. */
export const packageVersion: string = JSON.parse(readFileSync(inPackage("package.json"), "utf8")).version;

/** Where `npm run build` puts the page and the SDK. */
export const pageFolder: string = inPackage("dist/page");

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
