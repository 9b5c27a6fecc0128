import { parseAddress } from "../../protocol/address.ts";
import { overLimit, type WireError, wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { Device } from "../device.ts";
import { may } from "../permissions.ts";
import type { JoinOptions } from "./room-member.ts";

/** A request to join that its device may make. */
export interface Joined {
  readonly name: string;
  readonly join: JoinOptions;
  readonly dataBytes: number;
}

/** Reads a request to join as its device's token has it. */
export function joinOf(
  device: Pick<Device, "user" | "grants">,
  { room: name, mode, data }: Pick<RequestOf<"join">, "room" | "mode" | "data">,
): Joined | { readonly error: WireError } {
  const address = parseAddress(name);
  if (address?.kind !== "room") return { error: wireError("bad_request", "room: must be room:NAME") };
  if (!may(device, "join", address)) return { error: wireError("forbidden") };
  if (mode === "media")
    return { error: wireError("bad_request", "mode: this server has no media server for rooms") };
  return {
    name,
    join: { moderator: may(device, "moderate", address), mesh: mode === "mesh", data },
    dataBytes: data === undefined ? 0 : utf8Length(JSON.stringify(data)),
  };
}

/** The cap that one link would pass by joining, given the rooms that it is in. */
export function overCaps(
  limits: Pick<Limits, "rooms" | "bodyBytes">,
  memberships: ReadonlyMap<string, { readonly dataBytes: number }> | undefined,
  { name, dataBytes }: Joined,
): WireError | undefined {
  let bytes = dataBytes;
  for (const [other, membership] of memberships ?? []) if (other !== name) bytes += membership.dataBytes;
  if (bytes > limits.bodyBytes)
    return overLimit(
      "bodyBytes",
      "too_large",
      `data: over ${limits.bodyBytes} bytes in all rooms of this link together`,
    );
  if (memberships !== undefined && !memberships.has(name) && memberships.size >= limits.rooms)
    return overLimit("rooms", "too_many_rooms");
  return undefined;
}
