import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256 } from "../net/crypto.ts";

interface StaticFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer> | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
  ".txt": "text/plain; charset=utf-8",
};

/** Bundlers put a hash of the contents into such names, so what they name never changes. */
const hashedName = /-[a-z0-9]{8}\.\w+$/;
const forever = "public, max-age=31536000, immutable";

const notBuilt =
  "The page has not been built. `npm start` builds it; so does `npm run build`. Then start the server again.\n";

const built: ReadonlySet<string> = new Set([
  ...["/", "/broadcast", "/live", "/recordings", "/console", "/client.js", "/live.js", "/hls.js"],
]);
/** What the console is made of. */
const consoleFiles = /^\/(console|icon)\b/;

/** What of the pages is served, and where. */
interface Served {
  /** The path that all addresses are below; empty for none. */
  readonly base?: string;
  readonly onlyConsole?: boolean;
}

/** The built pages, read into memory once. Names are looked up in a map: no path of a request reaches the disk. */
export class StaticFiles {
  readonly #files = new Map<string, StaticFile>();
  readonly #only: RegExp;

  constructor(folder: string, { base = "", onlyConsole = false }: Served = {}) {
    this.#only = onlyConsole ? consoleFiles : /^/;
    if (!existsSync(folder)) return;
    const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && extname(entry.name) !== ".gz")
      .map((entry) => join(entry.parentPath, entry.name));
    for (const path of paths) {
      const address = `/${relative(folder, path).replaceAll("\\", "/")}`;
      if (!this.#only.test(address)) continue;
      this.#files.set(address === "/index.html" ? "/" : address.replace(/\.html$/, ""), load(path, base));
    }
  }

  answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    // One page for all streams: it reads the name from its address.
    const address = /^\/live\/[^/]+\/?$/.test(pathname) ? "/live" : pathname;
    const file = this.#files.get(address);
    if (file === undefined) {
      const missing = built.has(address) && this.#only.test(address);
      return missing
        ? new Response(notBuilt, { status: 503, headers: { "Content-Type": contentTypes[".txt"] ?? "" } })
        : new Response("There is nothing at this address.\n", { status: 404 });
    }
    if (request.headers.get("if-none-match") === file.headers.ETag)
      return new Response(null, { status: 304, headers: file.headers });
    if (file.gzipped === undefined || !acceptsGzip(request))
      return new Response(file.body, { headers: file.headers });
    return new Response(file.gzipped, { headers: { ...file.headers, "Content-Encoding": "gzip" } });
  }
}

function load(path: string, base: string): StaticFile {
  const gzip = `${path}.gz`;
  const asBuilt = base === "" || extname(path) !== ".html";
  const body = new Uint8Array(
    asBuilt ? readFileSync(path) : Buffer.from(moved(readFileSync(path, "utf8"), base)),
  );
  const gzipped = !asBuilt ? gzipSync(body, { level: 9 }) : existsSync(gzip) ? readFileSync(gzip) : undefined;
  return {
    body,
    gzipped: gzipped && new Uint8Array(gzipped),
    headers: {
      "Content-Type": contentTypes[extname(path)] ?? "application/octet-stream",
      "Cache-Control": hashedName.test(path) ? forever : "no-cache",
      ETag: `"${sha256(Buffer.from(body).toString("base64")).slice(0, 22)}"`,
      Vary: "Accept-Encoding",
      // The same for everybody, and nothing in it is secret: a page of any origin may import the SDK.
      "Access-Control-Allow-Origin": "*",
    },
  };
}

/** A page whose scripts and styles are below that path. */
function moved(html: string, base: string): string {
  return html.replaceAll(/(src|href)="\//g, `$1="${base}/`);
}

function acceptsGzip(request: Request): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?(,|$))/.test(request.headers.get("accept-encoding") ?? "");
}
