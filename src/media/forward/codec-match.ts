import type { AgreedCodec } from "../negotiated.ts";

/** The parameters that make two codecs of one name different ones: a receiver of one can't decode the other. */
const decisive: Readonly<Record<AgreedCodec["name"], readonly string[]>> = {
  opus: [],
  vp8: [],
  vp9: ["profile-id"],
  h264: ["packetization-mode", "profile-level-id"],
  av1: ["profile"],
};

/**
 * The codec of a viewer that takes what a publisher sends; undefined where it has none. Where no parameters match, the name alone does: the
 * exchange of SDP has agreed on it.
 */
export function matchCodec(sent: AgreedCodec, taken: readonly AgreedCodec[]): AgreedCodec | undefined {
  const named = taken.filter(({ name, clockRate }) => name === sent.name && clockRate === sent.clockRate);
  const wanted = signature(sent);
  return named.find((one) => signature(one) === wanted) ?? named[0];
}

function signature({ name, parameters }: AgreedCodec): string {
  const values = new Map<string, string>();
  for (const one of parameters.toLowerCase().split(";")) {
    const [key, value] = one.split("=");
    if (key !== undefined && value !== undefined) values.set(key.trim(), value.trim());
  }
  return decisive[name]
    .map((key) => {
      const value = values.get(key) ?? "0";
      // The level says how much, not what: profile_idc and the constraints are four digits (RFC 6184 §8.1).
      return key === "profile-level-id" ? value.slice(0, 4) : value;
    })
    .join();
}
