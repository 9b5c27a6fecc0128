import { expectTypeOf, test } from "bun:test";
import type { WireReason } from "../protocol/end-reasons.ts";
import type { WireCode } from "../protocol/error-codes.ts";
import type {
  Capabilities as WireCapabilities,
  Refused as WireRefused,
  RoomPolicy as WireRoomPolicy,
} from "../protocol/values.ts";
import type { EndReason, Refused, RoomPolicy } from "./api.ts";
import type { Capabilities } from "./capabilities.ts";
import type { ErrorCode } from "./error.ts";

/** The type check proves these; at run time they do nothing. */
test("the public types say what the protocol says", () => {
  type OwnReason = "accepted" | "closed" | "refused";
  type OwnCode =
    | "closed"
    | "replaced"
    | "kicked"
    | "unsupported"
    | "insecure_context"
    | "media_denied"
    | "media_missing"
    | "media_busy"
    | "negotiation_failed"
    | "overflow";
  expectTypeOf<EndReason>().toEqualTypeOf<WireReason | OwnReason>();
  expectTypeOf<ErrorCode>().toEqualTypeOf<WireCode | OwnCode>();
  expectTypeOf<Capabilities>().toEqualTypeOf<Readonly<WireCapabilities>>();
  expectTypeOf<Refused>().toEqualTypeOf<Readonly<WireRefused>>();
  expectTypeOf<RoomPolicy>().toEqualTypeOf<Readonly<WireRoomPolicy>>();
});
