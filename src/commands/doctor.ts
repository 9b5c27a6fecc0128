import { X509Certificate } from "node:crypto";
import { withKeyText } from "../auth/public-key.ts";
import { hasKeys } from "../auth/settings.ts";
import { TokenVerifier } from "../auth/token-verifier.ts";
import type { LoadedSettings } from "../config/load.ts";
import type { Settings } from "../config/schema.ts";
import { readCertificate } from "../net/certificate-files.ts";
import { now } from "../net/clock.ts";
import { listen } from "../net/listen.ts";
import { joinCluster } from "../server/cluster.ts";
import { createLog } from "../telemetry/log.ts";
import { diagnoseTurn, type Finding } from "./turn-diagnosis.ts";

/** Nothing where the settings give nothing to look at. */
type Found = Finding | readonly Finding[] | undefined;
type Check = (settings: LoadedSettings) => Found | Promise<Found>;

const checks: readonly Check[] = [keys, publicKey, jwks, port, tls, clock, memory, diagnoseTurn, nats];
const marks = { ok: "ok   ", look: "look ", wrong: "WRONG" };
const day = 86_400_000;
const jwksTimeout = 5_000;
/** No machine that runs this can be older: what shows an earlier time has lost its clock. */
const builtAfter = Date.UTC(2026, 0, 1);

/** Tries out what the settings name, and says what would keep the server from working. Exit code 1 if something would. */
export async function doctor(settings: LoadedSettings): Promise<number> {
  const found = await Promise.all(checks.map((check) => check(settings)));
  const findings = found.flatMap((one) => one ?? []);
  for (const { state, text } of findings) console.log(`${marks[state]} ${text}`);
  return findings.some(({ state }) => state === "wrong") ? 1 : 0;
}

function keys(settings: Settings): Finding {
  if (settings.dev)
    return { state: "look", text: "development mode: everybody on this machine may be anybody" };
  return hasKeys(settings)
    ? { state: "ok", text: "there is a key to verify tokens with" }
    : {
        state: "wrong",
        text: "no key for tokens: set tokens.secret, tokens.publicKey or tokens.jwksUrl, or use --dev",
      };
}

function publicKey({ tokens }: Settings): Finding | undefined {
  if (tokens.publicKey === "") return undefined;
  try {
    new TokenVerifier({ ...withKeyText(tokens), secret: "", jwksUrl: "" });
    return { state: "ok", text: "tokens.publicKey is a usable key" };
  } catch (error) {
    return { state: "wrong", text: `tokens.publicKey is unusable: ${(error as Error).message}` };
  }
}

async function jwks({ tokens }: Settings): Promise<Finding | undefined> {
  if (tokens.jwksUrl === "") return undefined;
  try {
    const response = await fetch(tokens.jwksUrl, {
      signal: AbortSignal.timeout(jwksTimeout),
      redirect: "manual",
    });
    const body = (await response.json()) as { keys?: unknown[] };
    if (response.ok && Array.isArray(body.keys) && body.keys.length > 0)
      return { state: "ok", text: `tokens.jwksUrl has ${body.keys.length} keys` };
    return { state: "wrong", text: `tokens.jwksUrl answered ${response.status} without any keys` };
  } catch (error) {
    return { state: "wrong", text: `tokens.jwksUrl can't be read: ${(error as Error).message}` };
  }
}

async function port({ host, port: wanted, dev, given }: LoadedSettings): Promise<Finding> {
  const at = { host: host || (dev ? "127.0.0.1" : "0.0.0.0"), port: wanted, tls: undefined };
  const none = { messageBytes: 1, bufferedBytes: 1, bodyBytes: 1, sockets: [], fault: () => {} };
  try {
    const server = await listen({ ...at, ...none, fetch: () => new Response(null, { status: 503 }) });
    await server.stop();
    return { state: "ok", text: `port ${wanted} of ${at.host} is free` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE" && dev && !given.has("port"))
      return { state: "look", text: `port ${wanted} of ${at.host} is taken: the next free one will be used` };
    return { state: "wrong", text: `port ${wanted} of ${at.host} can't be had: ${message}` };
  }
}

function tls({ tls: { cert, key }, dev }: Settings): Finding {
  if (cert === "") {
    const text =
      "no TLS here: browsers give camera and microphone to https pages only, so a proxy must end it";
    return { state: dev ? "ok" : "look", text: dev ? "no TLS: localhost does not need it" : text };
  }
  try {
    const certificate = new X509Certificate(readCertificate(cert, key).cert);
    const left = Date.parse(certificate.validTo) - now();
    if (left < 0) return { state: "wrong", text: `the certificate ended on ${certificate.validTo}` };
    if (Date.parse(certificate.validFrom) > now())
      return { state: "wrong", text: `the certificate begins on ${certificate.validFrom}` };
    const days = Math.floor(left / day);
    return { state: days < 14 ? "look" : "ok", text: `the certificate is good for ${days} days` };
  } catch (error) {
    return { state: "wrong", text: (error as Error).message };
  }
}

function clock(): Finding {
  return now() < builtAfter
    ? {
        state: "wrong",
        text: `the clock says ${new Date(now()).toISOString()}: tokens can't be judged by it`,
      }
    : { state: "ok", text: `the clock says ${new Date(now()).toISOString()}` };
}

function memory({ limits }: Settings): Finding {
  const mib = Math.ceil(limits.logBytesTotal / 2 ** 20);
  return { state: "ok", text: `links may keep ${mib} MiB for replay at most (limits.logBytesTotal)` };
}

async function nats(settings: Settings): Promise<Finding | undefined> {
  let reason = "it does not answer";
  try {
    const log = createLog({ level: "silent", format: "json" });
    log.warn = (facts: { reason?: string }) => {
      reason = facts.reason ?? reason;
    };
    const cluster = await joinCluster(settings, `doctor-${process.pid}`, log, () => {});
    if (cluster === undefined) return undefined;
    await cluster.settled();
    const { state } = cluster.backplane;
    await cluster.close();
    return state === "up"
      ? { state: "ok", text: "NATS lets us in" }
      : { state: "wrong", text: `NATS can't be reached: ${reason}` };
  } catch (error) {
    return { state: "wrong", text: (error as Error).message };
  }
}
