import type { TSchema } from "typebox";
import { fail, ok, type Result } from "../shared/result.ts";

/** Reads the text of a flag or an environment variable as what the schema wants. */
export function parseText(
  schema: TSchema & { type?: string; items?: TSchema },
  text: string,
): Result<unknown, string> {
  switch (schema.type) {
    case "integer":
      return /^-?\d+$/.test(text) ? ok(Number(text)) : fail("must be a whole number");
    case "boolean":
      return text === "true" || text === "false" ? ok(text === "true") : fail("must be true or false");
    case "array":
      return parseList(schema, text);
    default:
      return ok(text);
  }
}

/** A list of texts may be written with commas; any list as JSON. */
function parseList(
  schema: TSchema & { items?: TSchema & { type?: string; enum?: readonly unknown[] } },
  text: string,
): Result<unknown, string> {
  const ofTexts = schema.items?.type === "string" || schema.items?.enum !== undefined;
  if (ofTexts && !text.trimStart().startsWith("["))
    return ok(text === "" ? [] : text.split(",").map((one) => one.trim()));
  try {
    return ok(JSON.parse(text));
  } catch {
    return fail("must be a list in JSON");
  }
}
