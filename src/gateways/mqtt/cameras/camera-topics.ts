import { root, type TopicDevice } from "../topics.ts";

/** The protocols that unmodified cameras speak over MQTT. */
type CameraKind = "libpeer" | "pi-webrtc";

/** What a camera subscribes to: this makes a client one. */
export interface CameraFilter {
  readonly kind: CameraKind;
  /** Where its topics begin, as the camera writes it. */
  readonly base: string;
}

/** What a camera, or something beside it, publishes. */
export type CameraTopic =
  | { readonly kind: "libpeer"; readonly base: string }
  | {
      readonly kind: "pi-webrtc";
      readonly base: string;
      readonly word: PiWord;
      /** The call. */
      readonly client: string;
    }
  | { readonly kind: "doorbell"; readonly base: string };

export type PiWord = "offer" | "answer" | "ice";

/**
 * The beginnings that a camera's topics may have: a camera is told a path or an id, and not topics. All of them are the device's alone,
 * whatever they are called, for nothing that one device publishes reaches another.
 */
function isBase(base: string, { user, device }: TopicDevice): boolean {
  const name = base.startsWith("/") ? base.slice(1) : base;
  return name === device || name === `${user}/${device}` || name === `${root}/${user}/${device}`;
}

/** The camera that a topic filter is of; undefined for every other filter. */
export function cameraFilter(filter: string, device: TopicDevice): CameraFilter | undefined {
  const match = /^(.+)\/(?:(invoke)|(?:offer|answer|ice)\/\+)$/.exec(filter);
  const base = match?.[1];
  if (base === undefined || !isBase(base, device)) return undefined;
  return { kind: match?.[2] === undefined ? "pi-webrtc" : "libpeer", base };
}

/** What a topic of a camera's is for; undefined for every other topic. Asked for every message, so that it ends early for most. */
export function cameraTopic(topic: string, device: TopicDevice): CameraTopic | undefined {
  const end = topic.lastIndexOf("/");
  const before = topic.lastIndexOf("/", end - 1);
  const last = topic.slice(end + 1);
  const word =
    before < 0
      ? undefined
      : words.find((one) => topic.startsWith(one, before + 1) && before + 1 + one.length === end);
  if (word !== undefined) {
    const base = topic.slice(0, before);
    return last !== "" && isBase(base, device) ? { kind: "pi-webrtc", base, word, client: last } : undefined;
  }
  if (last !== "result" && last !== "doorbell") return undefined;
  const base = topic.slice(0, end);
  if (!isBase(base, device)) return undefined;
  return { kind: last === "result" ? "libpeer" : "doorbell", base };
}

const words: readonly PiWord[] = ["offer", "answer", "ice"];
