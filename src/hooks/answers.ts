import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { idPattern, parseAddress } from "../protocol/address.ts";
import { isAddressPattern } from "../protocol/address-pattern.ts";
import { wireError } from "../protocol/error-codes.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { longerThan } from "../shared/utf8.ts";
import { type Grants, grantNames } from "../signaling/grants.ts";
import type { AskedRequest, PolicyDecision } from "../signaling/policy.ts";
import type { Identity } from "../signaling/ports.ts";
import type { RingStep, RingTarget } from "../signaling/session/ring-plan.ts";

const closed = { additionalProperties: false };
/** What one plan may have: whom it rings is followed for as long as it rings. */
const [mostSteps, mostTargets] = [16, 64];
const hour = 3_600_000;

const Patterns = Type.Array(Type.String({ maxLength: 300 }), { maxItems: 1_000 });
const Id = Type.String({ pattern: idPattern });
const AddressText = Type.String({ minLength: 1, maxLength: 257 });

/** A step of a ring plan. */
const Step = Type.Object(
  {
    ring: Type.Union([AddressText, Type.Array(AddressText, { minItems: 1, maxItems: mostTargets })], {
      description: "Users or devices, such as `bob` or `carol/desk`.",
    }),
    for: Type.Integer({
      minimum: 1_000,
      maximum: 600_000,
      description: "How long it rings, in ms; with `in-turn` and `least-busy` each of them.",
    }),
    group: Type.Optional(
      Type.Enum(["all", "in-turn", "least-busy"], {
        description: "All together, one after the other, or the same with the least busy first.",
      }),
    ),
  },
  closed,
);
const Plan = Type.Array(Step, { minItems: 1, maxItems: mostSteps });

export const AuthorizeAnswerSchema = Type.Union([
  Type.Boolean(),
  Plan,
  Type.Object(
    {
      allow: Type.Literal(false),
      reason: Type.Optional(
        Type.String({ maxLength: 256, description: "Told to who asked, as the message of `forbidden`." }),
      ),
      retryAfter: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000, description: "In ms." })),
    },
    closed,
  ),
  Type.Object(
    {
      allow: Type.Optional(Type.Literal(true)),
      to: Type.Optional(AddressText),
      ring: Type.Optional(Plan),
      data: Type.Optional(Type.Unknown()),
    },
    { ...closed, minProperties: 1 },
  ),
]);

export const AuthenticateAnswerSchema = Type.Union([
  Type.Null(),
  Type.Object(
    {
      user: Id,
      device: Type.Optional(Id),
      grants: Type.Optional(
        Type.Object(Object.fromEntries(grantNames.map((name) => [name, Type.Optional(Patterns)])), closed),
      ),
      guest: Type.Optional(Type.Boolean()),
      expiresIn: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 30 * 24 * hour })),
      issuedAt: Type.Optional(Type.Integer({ minimum: 0 })),
    },
    closed,
  ),
]);

const authorizeAnswer = Compile(AuthorizeAnswerSchema);
const authenticateAnswer = Compile(AuthenticateAnswerSchema);

/** What an answer to `authorize` means for a request of this type. The error says what is wrong with it. */
export function readAuthorize(
  answer: unknown,
  request: AskedRequest,
  bodyBytes: number,
): Result<PolicyDecision, string> {
  if (answer === true) return ok({ allow: true });
  if (answer === false) return ok({ allow: false, error: wireError("forbidden", refusedText) });
  if (!authorizeAnswer.Check(answer)) return fail(firstError(authorizeAnswer, answer));
  if (typeof answer === "boolean") return fail("is no answer");
  const given = Array.isArray(answer) ? { ring: answer } : answer;
  if ("allow" in given && given.allow === false) {
    const { reason, retryAfter } = given;
    return ok({ allow: false, error: wireError("forbidden", reason ?? refusedText, retryAfter) });
  }
  const { to, ring, data } = given as { to?: string; ring?: Static<typeof Plan>; data?: unknown };
  if ((to !== undefined || ring !== undefined) && request !== "call")
    return fail(`to, ring: only a call rings somebody, not ${request}`);
  if (to !== undefined && ring !== undefined) return fail("to, ring: one of them");
  if (data !== undefined && request !== "call" && request !== "join")
    return fail(`data: a ${request} has none to change`);
  if (data !== undefined && !fits(data, bodyBytes))
    return fail(`data: must be JSON of at most ${bodyBytes} bytes`);
  if (to !== undefined && targetOf(to) === undefined) return fail(`to: ${to} is no user and no device`);
  const plan = ring && planOf(ring);
  if (plan !== undefined && !plan.ok) return plan;
  return ok({
    allow: true,
    ...(to !== undefined && { to }),
    ...(plan !== undefined && { plan: plan.value }),
    ...(data !== undefined && { data }),
  });
}

/** Who an answer to `authenticate` names; undefined where it is none of the application's. `now`: Unix ms. */
export function readAuthenticate(answer: unknown, now: number): Result<Identity | undefined, string> {
  if (answer === null) return ok(undefined);
  if (!authenticateAnswer.Check(answer)) return fail(firstError(authenticateAnswer, answer));
  if (answer === null) return ok(undefined);
  const { user, device, grants = {}, guest, expiresIn = hour, issuedAt } = answer;
  const wrong = Object.values(grants)
    .flatMap((patterns) => patterns ?? [])
    .find((pattern) => !isAddressPattern(pattern));
  if (wrong !== undefined) return fail(`grants: ${wrong} is no address pattern`);
  return ok({
    user,
    ...(device !== undefined && { device }),
    grants: grants as Grants,
    ...(guest !== undefined && { guest }),
    expires: now + expiresIn,
    issuedAt: issuedAt ?? now,
    // Like a secret: nobody knows when it was given out.
    ...(issuedAt === undefined && { undated: true }),
  });
}

const refusedText = "The application refused this.";

function planOf(steps: Static<typeof Plan>): Result<readonly RingStep[], string> {
  const plan: RingStep[] = [];
  let count = 0;
  for (const { ring, for: ms, group = "all" } of steps) {
    const texts = typeof ring === "string" ? [ring] : ring;
    const targets: RingTarget[] = [];
    for (const text of texts) {
      const target = targetOf(text);
      if (target === undefined) return fail(`ring: ${text} is no user and no device`);
      targets.push(target);
    }
    count += targets.length;
    if (count > mostTargets) return fail(`ring: a plan may ring ${mostTargets} targets`);
    plan.push({ targets, ms, group: groups[group] });
  }
  return ok(plan);
}

const groups = { all: "all", "in-turn": "in_turn", "least-busy": "least_busy" } as const;

function targetOf(text: string): RingTarget | undefined {
  const address = parseAddress(text);
  if (address?.kind === "user") return { user: address.user };
  return address?.kind === "device" ? { user: address.user, device: address.device } : undefined;
}

function fits(data: unknown, bytes: number): boolean {
  try {
    const text: string | undefined = JSON.stringify(data);
    return text !== undefined && !longerThan(text, bytes);
  } catch {
    return false;
  }
}

/** The error that lies deepest: of several forms that an answer may have, the one that was meant. */
function firstError(
  checker: { Errors(value: unknown): { keyword: string; instancePath: string; message: string }[] },
  value: unknown,
): string {
  const errors = checker.Errors(value);
  const depth = ({ instancePath, keyword }: (typeof errors)[number]): number =>
    instancePath.length * 2 - (keyword === "boolean" ? 1 : 0);
  const [first] = errors.toSorted((one, other) => depth(other) - depth(one));
  if (first === undefined) return "is no answer";
  const at = first.instancePath.slice(1);
  // An object with a field that its form has not.
  if (first.keyword === "boolean") return `${at}: there is no such field`.slice(0, 200);
  return `${at === "" ? "the answer" : at} ${first.message}`.slice(0, 200);
}
