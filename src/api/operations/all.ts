import type { ApiContext } from "../context.ts";
import type { Operation } from "../operation.ts";
import { deviceOperations } from "./devices.ts";
import { eventOperations } from "./events.ts";
import { frameOperations } from "./frames.ts";
import { publishableKeyOperations } from "./publishable-keys.ts";
import { pushOperations } from "./push.ts";
import { recordOperations } from "./records.ts";
import { roomOperations } from "./rooms.ts";
import { serverOperations, tokenOperations } from "./server.ts";
import { sessionOperations } from "./sessions.ts";
import { streamOperations } from "./streams.ts";
import { webhookOperations } from "./webhooks.ts";

/** All operations of the API, in the order of the document. */
export function allOperations(context: ApiContext): Operation[] {
  return [
    tokenOperations,
    deviceOperations,
    pushOperations,
    sessionOperations,
    streamOperations,
    roomOperations,
    recordOperations,
    eventOperations,
    frameOperations,
    webhookOperations,
    serverOperations,
    publishableKeyOperations,
  ].flatMap((those) => those(context));
}
