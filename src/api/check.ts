import type { TObject, TSchema } from "typebox";
import type { HttpProblem } from "../net/problem.ts";
import { idPattern } from "../protocol/address.ts";
import { type LazyValidator, lazyValidator } from "../shared/lazy-validator.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import type { Operation } from "./operation.ts";

/** The checkers of an operation, compiled when they are first needed. */
export interface Checkers {
  readonly params: LazyValidator | undefined;
  readonly query: LazyValidator | undefined;
  readonly body: LazyValidator | undefined;
  readonly querySchema: TObject | undefined;
}

export function checkersOf({ params, query, body }: Operation): Checkers {
  const checker = (schema: TSchema | undefined): LazyValidator | undefined => schema && lazyValidator(schema);
  return { params: checker(params), query: checker(query), body: checker(body), querySchema: query };
}

/** The value, where it fits its schema; else a problem of one line that names the field. */
export function check(
  checker: LazyValidator | undefined,
  value: unknown,
  where: string,
): Result<unknown, HttpProblem> {
  if (checker === undefined || checker.Check(value)) return ok(value);
  const errors = checker.Errors(value);
  // Of a closed object the schema `false` of the field is named first, of a union its members.
  const first = errors.find(({ keyword }) => keyword !== "boolean" && keyword !== "const") ?? errors[0];
  return fail(badRequest(first === undefined ? { field: where, why: "is wrong" } : fault(first, where)));
}

/** Reads a query as its schema has it: numbers and booleans come as text. A name that is there twice, or unknown, is refused. */
export function readQuery(
  search: URLSearchParams,
  { query, querySchema }: Checkers,
): Result<unknown, HttpProblem> {
  const known: Readonly<Record<string, TSchema>> = querySchema?.properties ?? {};
  const value: Record<string, unknown> = {};
  for (const [name, text] of search) {
    if (!Object.hasOwn(known, name))
      return fail(badRequest({ field: name.slice(0, 64), why: "there is no such field" }));
    if (Object.hasOwn(value, name)) return fail(badRequest({ field: name, why: "is there twice" }));
    value[name] = readText(text, (known[name] as { type?: string }).type);
  }
  return check(query, value, "the query");
}

function readText(text: string, type: string | undefined): unknown {
  if (type === "integer" && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

interface Fault {
  readonly field: string;
  readonly why: string;
}

function fault(error: ReturnType<LazyValidator["Errors"]>[number], where: string): Fault {
  const path = error.instancePath.slice(1).replaceAll("/", ".");
  const inside = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const { requiredProperties, additionalProperties, allowedValues, pattern } = error.params as {
    readonly requiredProperties?: readonly string[];
    readonly additionalProperties?: readonly string[];
    readonly allowedValues?: readonly unknown[];
    readonly pattern?: string | RegExp;
  };
  if (requiredProperties?.[0] !== undefined)
    return { field: inside(requiredProperties[0]), why: "is missing" };
  if (additionalProperties?.[0] !== undefined)
    return { field: inside(additionalProperties[0].slice(0, 64)), why: "there is no such field" };
  if (allowedValues !== undefined)
    return { field: path || where, why: `must be one of ${allowedValues.join(", ")}` };
  if (String(pattern) === idPattern)
    return { field: path, why: "must be an id: 1 to 128 characters, none of them a space, /, : or *" };
  return { field: path || where, why: error.message };
}

function badRequest({ field, why }: Fault): HttpProblem {
  return { status: 400, code: "bad_request", detail: `${field}: ${why}.`.slice(0, 300), more: { field } };
}
