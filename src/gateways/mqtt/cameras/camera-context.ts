import type { PushBody } from "../../../protocol/pushes.ts";
import type { RequestOf, RequestType } from "../../../protocol/requests.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import type { Device, Outcome } from "../../../signaling/device.ts";
import type { GatewayPort } from "../../../signaling/gateway-port.ts";
import type { PiWord } from "./camera-topics.ts";

/** How long cameras may take, in ms. */
interface CameraLimits {
  /** For an offer or an answer. */
  readonly cameraAnswer: number;
  /** For the candidates of who calls a camera that takes none after the answer. */
  readonly cameraGather: number;
  /** Between two questions whether a camera's call goes on. */
  readonly cameraPoll: number;
}

/** What all cameras have of their gateway. */
export interface CameraContext {
  readonly core: GatewayPort;
  readonly limits: CameraLimits;
  /** Calls `due` once, this many ms after `now`. */
  after(ms: number, now: number, due: (now: number) => void): Deadline;
}

/** What a call has of its camera. */
export interface CameraPorts {
  readonly context: CameraContext;
  readonly device: Device | undefined;
  /** Publishes below the camera's base. */
  send(topic: string, text: string): void;
  ask<T extends RequestType>(
    type: T,
    fields: Omit<RequestOf<T>, "id" | "type">,
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void;
  /** The call's session is known. */
  known(call: CameraCall): void;
  /** The call is over. */
  over(call: CameraCall): void;
}

/** One call of a camera: its leg of a session. */
export interface CameraCall {
  /** Empty before the core has taken a call of the camera's own. */
  readonly session: string;
  /** The core says something of the session. */
  push(push: PushBody, now: number): void;
  /** The camera published something: libpeer a result, pi-webrtc something of this call. */
  heard(word: "result" | PiWord, text: string, now: number): void;
  /** Ends it: the camera is gone. */
  hangUp(now: number): void;
  /** Its leg has ended: nothing is waited for any more. */
  ended(): void;
}
