/**
 * Where the page is: one of these at a time.
 *
 *     signed-out ─▶ going-online ─▶ directory ─▶ asking ─▶ calling ─▶ talking ─▶ over ─▶ directory
 *                                                  └▶ no-camera ┘ (test picture, audio only)
 *
 * A ring and the loss of the server can come on top of any of them.
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
      /** Since when media is lost, and whose network seems to be gone. */
      readonly lost?: Loss;
    }
  | { readonly at: "over"; readonly peer: string; readonly ending: Ending; readonly device?: string }
  | { readonly at: "replaced" };

/** Why signing in failed. `text`: the server's own explanation, if it gave one. */
export interface SignInProblem {
  readonly kind: "name" | "token" | "wants-token" | "origin" | "ended";
  readonly text?: string;
}

/** Why there is no camera. */
export type CameraTrouble = "refused" | "busy" | "none" | "insecure";

/** How a call ended, when the page shows that as a scene. */
export type Ending =
  | { readonly kind: "offline" | "busy" | "declined" | "unanswered" | "no-path" | "lost" | "moved" }
  | { readonly kind: "refused"; readonly text: string };

/** One kind of scene. */
export type SceneAt<T extends Scene["at"]> = Extract<Scene, { at: T }>;

/** What a camera is wanted for. */
export type MediaPurpose = "preview" | "call" | "answer";

export interface Loss {
  readonly at: number;
  readonly whose: "yours" | "theirs" | "unknown";
}

/** An incoming call. */
export interface Ring {
  readonly from: string;
  readonly device: string;
  readonly video: boolean;
  /** Another device of the user wants to move its call with `from` to this one. */
  readonly movedFrom?: string;
  /** The user has answered: the dialog is closed. */
  readonly answering: boolean;
}

/** The link to the server; `again` is when the next attempt is due, in ms of `Date.now()`. */
export type Link = { readonly up: true } | { readonly up: false; readonly again: number | undefined };

export interface Model {
  readonly scene: Scene;
  readonly ring?: Ring;
  readonly link: Link;
}

export type PageEvent =
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

/** The next model. An event that makes no sense where the page is changes nothing. */
export function next(model: Model, event: PageEvent): Model {
  const { scene, ring } = model;
  switch (event.type) {
    case "went":
      return { ...model, scene: event.scene };
    case "online":
      return {
        ...model,
        link: { up: true },
        scene: scene.at === "going-online" ? { at: "directory" } : scene,
      };
    case "away":
      if (!model.link.up && model.link.again === event.again) return model;
      return { ...model, link: { up: false, again: event.again } };
    case "alerting":
      if (scene.at !== "calling") return model;
      return { ...model, scene: { ...scene, ringing: event.devices } };
    case "answered":
      if (scene.at === "talking") return { ...model, scene: { ...scene, ...pick(event) } };
      return { ...model, scene: { at: "talking", ...pick(event) } };
    case "flowing": {
      if (scene.at !== "talking") return model;
      const { lost: _, ...rest } = scene;
      return { ...model, scene: { ...rest, since: scene.since ?? event.now } };
    }
    case "stalled":
      if (scene.at !== "talking" || scene.since === undefined) return model;
      return {
        ...model,
        scene: { ...scene, lost: { ...event.loss, at: scene.lost?.at ?? event.loss.at } },
      };
    case "rang":
      return { ...model, ring: event.ring };
    case "answering":
      return ring === undefined ? model : { ...model, ring: { ...ring, answering: event.on } };
    case "ring-over": {
      const { ring: _, ...rest } = model;
      return rest;
    }
  }
}

/** True during a call. Then the loss of the server is a banner; otherwise it fills the page. */
export function inCall(scene: Scene): boolean {
  return scene.at === "calling" || scene.at === "talking";
}

function pick({ peer, device }: { peer: string; device: string }) {
  return { peer, device };
}
