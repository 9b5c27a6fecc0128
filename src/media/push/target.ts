import { parseRtmpTarget, type RtmpTarget } from "../rtmp/target.ts";

/** Where a stream is pushed to. Everything but the host may be secret. */
export interface PushTarget {
  readonly kind: "rtmp";
  readonly rtmp: RtmpTarget;
}

/** Reads the address of a target; undefined for one that is none, or that has a password in it. */
export function parsePushTarget(text: string): PushTarget | undefined {
  const rtmp = parseRtmpTarget(text);
  return rtmp && { kind: "rtmp", rtmp };
}

/** A target as people and programs may see it: without its path and key. */
export function shownTarget({ rtmp: { tls, host, port } }: PushTarget): string {
  return `${tls ? "rtmps" : "rtmp"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
