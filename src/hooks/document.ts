import { Type } from "typebox";
import { askedRequests } from "../signaling/policy.ts";
import { AuthenticateAnswerSchema, AuthorizeAnswerSchema } from "./answers.ts";

const Texts = Type.Array(Type.String());

/** What `hooks.url` is sent, and what it answers, as schemas: for the OpenAPI document. */
export const hookDocuments = {
  authenticate: {
    summary: "Who a token speaks for. Answer null for a token that is none of yours.",
    data: Type.Object({ token: Type.String() }),
    answer: AuthenticateAnswerSchema,
  },
  authorize: {
    summary: "Whether a request is carried out. The grants of the token cover it already.",
    data: Type.Object({
      type: Type.Enum([...askedRequests]),
      from: Type.Object({
        user: Type.String(),
        device: Type.Optional(Type.String()),
        kind: Type.Optional(Type.String()),
        guest: Type.Boolean(),
        gateway: Type.Optional(
          Type.String({ description: "The protocol of the device; absent for the native one." }),
        ),
      }),
      to: Type.Optional(
        Type.String({ description: "`bob`, `bob/phone`, `room:NAME` or `stream:NAME`; absent for `watch`." }),
      ),
      users: Type.Optional(Texts),
      streams: Type.Optional(Texts),
      media: Type.Optional(
        Type.Object({
          audio: Type.Optional(Type.Boolean()),
          video: Type.Optional(Type.Boolean()),
          data: Type.Optional(Type.Boolean()),
        }),
      ),
      data: Type.Optional(
        Type.Unknown({ description: "The data of a `call` or `join`, or the body of a `send`." }),
      ),
    }),
    answer: AuthorizeAnswerSchema,
  },
  wake: {
    summary: "A call rings a user of whom no device is online. Answer true when one was woken and may come.",
    data: Type.Object({
      session: Type.String(),
      user: Type.String(),
      device: Type.Optional(Type.String()),
      from: Type.Object({ user: Type.String(), device: Type.String() }),
      expires: Type.Number({ description: "How long the call rings from now on, in ms." }),
    }),
    answer: Type.Boolean(),
  },
};
