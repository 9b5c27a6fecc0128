import { Hono } from "hono";
import { equalSecrets } from "../net/crypto.ts";
import { isId } from "../protocol/address.ts";
import { type WireError, wireError } from "../protocol/error-codes.ts";
import type { Core } from "../signaling/core.ts";
import { type HealthPart, readiness } from "../telemetry/health.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { securityHeaders } from "./security-headers.ts";
import { StaticFiles } from "./static-files.ts";

export interface AppParts {
  readonly version: string;
  readonly core: Pick<Core, "draining" | "stats">;
  /** Of the parts of the server. */
  health(): readonly HealthPart[];
  readonly metrics: Metrics;
  /** Only operators reach it: they are shown what strangers are not. */
  readonly forOperators: boolean;
  /** Asked for by `/metrics`. Empty: operators are not asked, and nobody else gets it. */
  readonly metricsToken: string;
  /** Where the built pages are; undefined where none is to be served. */
  readonly pageFolder: string | undefined;
  /** The path that the page is below; empty for none. */
  readonly base?: string;
  /** Of the pages only the console. */
  readonly onlyConsole?: boolean;
  /** Begins the drain; only where operators ask. */
  readonly beginDrain?: () => void;
  /** Kicks a user or one device; only where operators ask. Answers how many links of this node it has ended. */
  readonly kick?: (user: string, device: string | undefined) => number;
}

/** Everything that is answered over HTTP beside the native protocol. */
export function createApp(parts: AppParts): (request: Request) => Response | Promise<Response> {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(securityHeaders)) context.res.headers.set(name, value);
    if (!context.res.headers.has("Cache-Control")) context.res.headers.set("Cache-Control", "no-store");
  });
  app.get("/health/live", (context) => context.json({ status: "live", version: parts.version }));
  app.get("/health/ready", (context) => {
    const state = readiness(parts.core, parts.health(), parts.forOperators);
    return context.json(state, state.status === "draining" ? 503 : 200);
  });
  app.get("/metrics", async (context) => {
    if (parts.metricsToken === "" && !parts.forOperators)
      return context.text("The metrics are at admin.port, or here with the setting metricsToken.\n", 403);
    if (!mayScrape(parts.metricsToken, context.req.header("authorization")))
      return context.text("The metrics need the configured token.\n", 401, { "WWW-Authenticate": "Bearer" });
    const { body, contentType } = await parts.metrics.text();
    return context.body(body, 200, { "Content-Type": contentType });
  });
  const { beginDrain, kick } = parts;
  // A page in an operator's browser may send these as well, without being asked; it can't leave its origin out.
  app.use("/admin/*", async (context, next) => {
    if (context.req.header("origin") !== undefined || context.req.header("sec-fetch-site") !== undefined)
      return context.json({ error: "forbidden" }, 403);
    return await next();
  });
  if (beginDrain !== undefined)
    app.post("/admin/drain", (context) => {
      beginDrain();
      return context.json({ status: "draining" }, 202);
    });
  if (kick !== undefined)
    app.post("/admin/kick", async (context) => {
      const wanted = readKick(await context.req.text());
      if ("error" in wanted) return context.json(wanted, 400);
      return context.json({ links: kick(wanted.user, wanted.device) });
    });
  if (parts.pageFolder !== undefined) {
    const files = new StaticFiles(parts.pageFolder, parts);
    if (parts.onlyConsole) app.get("/", (context) => context.redirect("/console"));
    app.get("*", (context) => files.answer(context.req.raw));
  }
  app.notFound((context) => context.text("There is nothing at this address.\n", 404));
  return (request) => app.fetch(request);
}

function mayScrape(token: string, authorization: string | undefined): boolean {
  return token === "" || (authorization !== undefined && equalSecrets(authorization, `Bearer ${token}`));
}

/** Reads the body of `POST /admin/kick`; a wrong one is an error of the protocol's form. */
function readKick(text: string): { user: string; device: string | undefined } | { error: WireError } {
  const wrong = (message: string) => ({ error: wireError("bad_request", message) });
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return wrong("The body must be JSON.");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return wrong("The body must be an object.");
  const { user, device, ...more } = body as Record<string, unknown>;
  // A misspelt device must not kick all of them.
  const [unknown] = Object.keys(more);
  if (unknown !== undefined) return wrong(`${unknown.slice(0, 64)}: there is no such field.`);
  if (typeof user !== "string" || !isId(user)) return wrong("user: must be a user id.");
  if (device !== undefined && (typeof device !== "string" || !isId(device)))
    return wrong("device: must be a device id.");
  return { user, device };
}
