import { parseRtmpTarget, type RtmpTarget } from "../rtmp/target.ts";
import type { WhipTarget } from "./whip-pushes.ts";

/** Where a stream is pushed to. Everything but the host may be secret. */
export type PushTarget =
  | { readonly kind: "rtmp"; readonly rtmp: RtmpTarget }
  | { readonly kind: "whip"; readonly whip: WhipTarget };

/** Reads the address of a target; undefined for one that is neither RTMP nor WHIP, or that has a password in it. */
export function parsePushTarget(text: string, token = ""): PushTarget | undefined {
  const rtmp = parseRtmpTarget(text);
  if (rtmp !== undefined) return token === "" ? { kind: "rtmp", rtmp } : undefined;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text) || !/^[\x21-\x7e]*$/.test(token)) return undefined;
  const { username, password, hash, href } = new URL(text);
  if (username !== "" || password !== "" || hash !== "") return undefined;
  return { kind: "whip", whip: { url: href, token } };
}

/** A target as people and programs may see it: without path, key and token. */
export function shownTarget(target: PushTarget): string {
  if (target.kind === "whip") return new URL(target.whip.url).origin;
  const { tls, host, port } = target.rtmp;
  return `${tls ? "rtmps" : "rtmp"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
