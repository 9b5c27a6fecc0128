import type { Deadlines } from "../../shared/deadlines.ts";
import type { Ports } from "../ports.ts";
import type { Links } from "./links.ts";
import type { LinkEntry } from "./native-link.ts";

/**
 * Looks all links over: acknowledgements, silence, windows, tokens, ICE credentials. Each second; a loop over them all
 * costs less than timers for each.
 */
export function sweepLinks(links: Links, ports: Ports, now: number): void {
  const { limits } = links;
  for (const { link, device } of links.entries()) {
    const silence = now - link.lastHeard;
    if (device.online && silence >= limits.offlineAfter) links.setOnline(device, false, now);
    if (link.state === "suspended") {
      if (now - link.suspendedAt >= limits.resumeWindow) links.expire(link, now);
      continue;
    }
    if (link.silent > 0) link.acknowledge(now);
    if (link.expires <= now) link.suspend("tokenExpired", now);
    else if (silence >= limits.silence) link.suspend("silent", now);
    else if (silence >= limits.pingAfter && !link.pingSent) {
      link.pingSent = true;
      link.sendUncounted('{"type":"ping"}', now);
    } else if (link.renewAt <= now) renewIce({ link, device }, ports, now);
  }
}

/** What the last client that was told to leave needs: a transport elsewhere, and its link brought there. ms */
const lastOnesTime = 3_000;

/** Tells every client to come back elsewhere, each after a jitter of its own, and closes it then. */
export function drainLinks(
  links: Links,
  deadlines: Deadlines,
  ports: Ports,
  within: number,
  now: number,
): void {
  const rest = Math.max(within / 5, Math.min(within / 2, lastOnesTime));
  for (const { link } of links.entries()) {
    if (link.state !== "live") continue;
    const after = Math.floor(ports.jitter() * (within - rest));
    link.sendUncounted(JSON.stringify({ type: "goodbye", action: "resume", after, reason: "drain" }), now);
    deadlines.add(now + after, (later) => {
      if (link.state === "live") link.suspend("drain", later);
    });
  }
}

function renewIce({ link, device }: LinkEntry, ports: Ports, now: number): void {
  const { servers, renewAt } = ports.iceServers(device, now);
  link.renewAt = renewAt ?? Number.POSITIVE_INFINITY;
  link.deliver({ type: "ice_servers", iceServers: servers }, now);
}
