import type { CameraTrouble, Ending, SignInProblem } from "./words.ts";

/**
 * Where the page is: one of these at a time.
 *
 *     signed-out ─▶ going-online ─▶ directory ─▶ asking ─▶ calling ─▶ talking ─▶ over ─▶ directory
 *                                                  └▶ no-camera ┘ (test picture, audio only)
 *
 * A ring lies over any of them, and so does the loss of the server.
 */
export type Scene =
  | { readonly at: "signed-out"; readonly problem?: SignInProblem }
  | { readonly at: "going-online" }
  | { readonly at: "directory" }
  | { readonly at: "asking"; readonly purpose: MediaPurpose; readonly peer: string }
  | {
      readonly at: "no-camera";
      readonly purpose: MediaPurpose;
      readonly peer: string;
      readonly trouble: CameraTrouble;
    }
  | { readonly at: "calling"; readonly peer: string; readonly ringing: readonly string[] }
  | {
      readonly at: "talking";
      readonly peer: string;
      readonly device: string;
      /** When media first flowed, in ms of `Date.now()`; undefined before that. */
      readonly since?: number;
      /** Media is lost, since when, and who seems to have lost the network. */
      readonly lost?: Loss;
    }
  | { readonly at: "over"; readonly peer: string; readonly ending: Ending; readonly device?: string }
  | { readonly at: "replaced" };

/** One kind of scene. */
export type SceneAt<T extends Scene["at"]> = Extract<Scene, { at: T }>;

/** What a camera is wanted for. */
export type MediaPurpose = "preview" | "call" | "answer";

export interface Loss {
  readonly at: number;
  readonly whose: "yours" | "theirs" | "unknown";
}

/** Somebody calls. */
export interface Ring {
  readonly from: string;
  readonly device: string;
  readonly video: boolean;
  /** A device of one's own asks this one to go on with its call with `from`. */
  readonly movedFrom?: string;
  /** The answer is on its way: the question is no longer shown. */
  readonly answering: boolean;
}

/** The link to the server; `again` is when the next attempt is due, in ms of `Date.now()`. */
export type Link = { readonly up: true } | { readonly up: false; readonly again: number | undefined };

export interface Model {
  readonly scene: Scene;
  readonly ring?: Ring;
  readonly link: Link;
}

export type Happening =
  | { readonly type: "went"; readonly scene: Scene }
  | { readonly type: "online" }
  | { readonly type: "away"; readonly again: number | undefined }
  | { readonly type: "alerting"; readonly devices: readonly string[] }
  | { readonly type: "answered"; readonly peer: string; readonly device: string }
  | { readonly type: "flowing"; readonly now: number }
  | { readonly type: "stalled"; readonly loss: Loss }
  | { readonly type: "rang"; readonly ring: Ring }
  | { readonly type: "answering"; readonly on: boolean }
  | { readonly type: "ring-over" };

export const start: Model = { scene: { at: "signed-out" }, link: { up: true } };

/** The next model. A happening that makes no sense where the page is changes nothing. */
export function next(model: Model, happening: Happening): Model {
  const { scene, ring } = model;
  switch (happening.type) {
    case "went":
      return { ...model, scene: happening.scene };
    case "online":
      return {
        ...model,
        link: { up: true },
        scene: scene.at === "going-online" ? { at: "directory" } : scene,
      };
    case "away":
      if (!model.link.up && model.link.again === happening.again) return model;
      return { ...model, link: { up: false, again: happening.again } };
    case "alerting":
      if (scene.at !== "calling") return model;
      return { ...model, scene: { ...scene, ringing: happening.devices } };
    case "answered":
      if (scene.at === "talking") return { ...model, scene: { ...scene, ...pick(happening) } };
      return { ...model, scene: { at: "talking", ...pick(happening) } };
    case "flowing": {
      if (scene.at !== "talking") return model;
      const { lost: _, ...rest } = scene;
      return { ...model, scene: { ...rest, since: scene.since ?? happening.now } };
    }
    case "stalled":
      if (scene.at !== "talking" || scene.since === undefined) return model;
      return {
        ...model,
        scene: { ...scene, lost: { ...happening.loss, at: scene.lost?.at ?? happening.loss.at } },
      };
    case "rang":
      return { ...model, ring: happening.ring };
    case "answering":
      return ring === undefined ? model : { ...model, ring: { ...ring, answering: happening.on } };
    case "ring-over": {
      const { ring: _, ...rest } = model;
      return rest;
    }
  }
}

/** True while a call needs the person: out of it, losing the server fills the page; in it, it is a banner. */
export function inCall(scene: Scene): boolean {
  return scene.at === "calling" || scene.at === "talking";
}

function pick({ peer, device }: { peer: string; device: string }) {
  return { peer, device };
}
