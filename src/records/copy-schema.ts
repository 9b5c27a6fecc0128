import { Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Copy } from "./copied-store.ts";

const Id = Type.String({ minLength: 1, maxLength: 256 });
const Time = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const loose = { additionalProperties: true } as const;

export const OpenSessionSchema = Type.Object({
  session: Id,
  told: Type.Integer({ minimum: 0 }),
  startedAt: Time,
  facts: Type.String({ maxLength: 65_536 }),
});

export const OutboxEntrySchema = Type.Object({
  id: Id,
  endpoint: Type.String({ minLength: 1, maxLength: 2_048 }),
  lane: Type.String({ maxLength: 1_024 }),
  type: Id,
  body: Type.String({ maxLength: 65_536 }),
  createdAt: Time,
  attempts: Type.Integer({ minimum: 0 }),
  dueAt: Time,
  failure: Type.Optional(Type.String({ maxLength: 1_024 })),
});

const Party = Type.Object({ user: Type.String() }, loose);

const copy = Compile(
  Type.Union([
    Type.Object({ write: Type.Literal("open"), open: OpenSessionSchema }),
    Type.Object({ write: Type.Literal("closed"), session: Id }),
    Type.Object({ write: Type.Literal("outbox"), entry: OutboxEntrySchema }),
    Type.Object({ write: Type.Literal("delivered"), endpoint: Type.String(), id: Id }),
    Type.Object({
      write: Type.Literal("record"),
      stored: Type.Object(
        {
          record: Type.Object(
            {
              session: Id,
              node: Type.String(),
              startedAt: Time,
              caller: Party,
              callee: Party,
              legs: Type.Array(Party),
            },
            loose,
          ),
          cause: Type.Optional(Type.String()),
        },
        loose,
      ),
    }),
  ]),
);

/** A copy as another node has sent it; undefined for a text that is none. */
export function readCopy(text: string): Copy | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return copy.Check(value) ? (value as Copy) : undefined;
  } catch {
    return undefined;
  }
}
